#include "store/index_set.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "json/pointer.h"
#include "json/scan.h"

namespace chronos::store {
namespace {

using index::KeyKind;

/// Look-ups in flight at once: their cache misses overlap (docs/decisions/0004-index.md).
constexpr std::size_t kPrefetchGroup = 32;

std::uint64_t seed_part(std::span<const std::byte, 16> secret, std::size_t offset) {
    return base::load<std::uint64_t>(secret.data() + offset);
}

/// Enters what files know of streams, in groups whose cache misses overlap.
class HeadLoader {
public:
    explicit HeadLoader(index::StreamHeads& streams) : streams_(streams) {}

    /// Errors, as of load: kCorrupt if a stream does not go on where it ended before.
    Status add(const index::IndexFile::KeyEntry& entry) {
        Waiting& waiting = waiting_[count_++];
        waiting.entry = entry;
        waiting.key.assign(entry.key);
        return count_ == waiting_.size() ? load() : Status();
    }
    Status load() {
        for (std::size_t i = 0; i < count_; ++i) streams_.prefetch(waiting_[i].entry.hash);
        for (std::size_t i = 0; i < count_; ++i) streams_.prefetch_entry(waiting_[i].entry.hash);
        const std::size_t count = std::exchange(count_, 0);
        for (std::size_t i = 0; i < count; ++i) {
            const index::IndexFile::KeyEntry& entry = waiting_[i].entry;
            index::StreamHead& stream = streams_.find_or_add(entry.hash, entry.branch, waiting_[i].key);
            const bool goes_on = stream.count() == entry.list.first_place;
            // A fork's stream begins behind what it inherits, and of a fork that ended events may be gone.
            const bool may_skip = entry.branch > event::kSystemBranch && stream.count() <= entry.list.first_place;
            if (!goes_on && !may_skip)
                return base::fail(ErrorCode::kCorrupt, "a stream does not go on where it ended before");
            stream.restore(entry.stream_first_seq, entry.list.last_seq + 1, entry.list.first_place + entry.list.count);
        }
        return {};
    }

private:
    struct Waiting {
        index::IndexFile::KeyEntry entry;  // but for its key
        std::string key;
    };
    index::StreamHeads& streams_;
    std::array<Waiting, kPrefetchGroup> waiting_;
    std::size_t count_ = 0;
};

}  // namespace

IndexSet::IndexSet(std::span<const std::byte, 16> secret)
    : seeds_{seed_part(secret, 0), seed_part(secret, 8)},
      streams_(seeds_.of(KeyKind::kEntity)),
      anchor_(std::make_shared<index::MemoryPart>(seeds_, 0, 0, nullptr)),
      parts_(std::make_shared<const IndexParts>(IndexParts{.files = {}, .memory = {}, .anchor = anchor_})) {}

void IndexSet::hash_entities(const event::BodyView& body, std::vector<std::uint64_t>& hashes) const {
    hashes.clear();
    const event::BranchNumber branch = body.header().branch;
    body.for_each_event(
        [&](const event::EventBytes& event) { hashes.push_back(streams_.hash(branch, event.entity())); });
}

void IndexSet::change_parts(const std::function<void(IndexParts&)>& change) {
    const std::lock_guard changing(change_mutex_);
    auto changed = std::make_shared<IndexParts>(*parts());
    change(*changed);
    std::shared_ptr<const IndexParts> replaced = std::move(changed);
    {
        const std::lock_guard lock(parts_mutex_);
        parts_.swap(replaced);
    }
    // What nobody holds any more is freed here, outside the lock that readers take.
}

/// The growing part, or a new one when the log went on to another segment.
index::MemoryPart& IndexSet::part_for(wal::Slot slot, std::uint64_t first_seq, const std::byte* image) {
    if (growing_ != nullptr && growing_->slot() == slot) return *growing_;
    auto part = std::make_shared<index::MemoryPart>(seeds_, slot, first_seq, image);
    (growing_ != nullptr ? growing_ : anchor_)->next = part;
    growing_ = part;
    change_parts([&](IndexParts& parts) {
        parts.memory.push_back(part);
        parts.anchor.reset();
    });
    anchor_.reset();
    return *growing_;
}

/// The runs of a branch, made with its first event.
index::BranchRuns& IndexSet::runs_of(event::BranchNumber branch, std::uint64_t first_position) {
    while (runs_.size() <= branch) runs_.push_back_empty();
    index::BranchRuns* runs = runs_[branch].load(std::memory_order_relaxed);
    if (runs != nullptr) return *runs;
    runs = owned_runs_.emplace_back(std::make_unique<index::BranchRuns>(first_position)).get();
    runs_[branch].store(runs, std::memory_order_release);
    run_bytes_.fetch_add(runs->bytes(), std::memory_order_relaxed);
    return *runs;
}

void IndexSet::extend_runs(event::BranchNumber branch, std::uint64_t first_position, std::uint64_t first_seq,
                           std::uint64_t count) {
    index::BranchRuns& runs = runs_of(branch, first_position);
    const std::uint64_t before = runs.bytes();
    runs.extend(first_seq, count);
    run_bytes_.fetch_add(runs.bytes() - before, std::memory_order_relaxed);
}

void IndexSet::apply(wal::Slot slot, std::uint64_t body_offset, const std::byte* body, std::uint64_t first_seq,
                     std::span<const std::uint64_t> entity_hashes, std::vector<std::uint64_t>* places) {
    const event::BodyView view(body);
    const event::BodyHeader& header = view.header();
    ASSERT(entity_hashes.size() == header.event_count);
    index::MemoryPart& part = part_for(slot, first_seq, body - body_offset);
    extend_runs(header.branch, header.first_position, first_seq, header.event_count);
    const event::InheritedCounts inherited(view);

    const std::byte* at = view.first_event();
    for (std::uint32_t group = 0; group < header.event_count; group += kPrefetchGroup) {
        const std::size_t count = std::min<std::size_t>(kPrefetchGroup, header.event_count - group);
        std::array<const std::byte*, kPrefetchGroup> events;
        std::array<index::StreamHead*, kPrefetchGroup> streams;
        for (std::size_t i = 0; i < count; ++i) {
            streams_.prefetch(entity_hashes[group + i]);
            events[i] = at;
            at += base::load<std::uint32_t>(at);  // the event's size
        }
        for (std::size_t i = 0; i < count; ++i) streams_.prefetch_entry(entity_hashes[group + i]);
        for (std::size_t i = 0; i < count; ++i) {
            const event::EventBytes event(events[i]);
            streams[i] = event.has(event::kNoEntity)
                             ? nullptr
                             : &streams_.find_or_add(entity_hashes[group + i], header.branch, event.entity());
            if (streams[i] == nullptr) continue;
            streams[i]->prefetch_newest();
            const bool is_new = !inherited.empty() && streams[i]->end_seq() == 0 && streams[i]->count() == 0;
            if (is_new) streams[i]->inherit(inherited.of(group + static_cast<std::uint32_t>(i)));
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (streams[i] != nullptr) streams[i]->prefetch_end(part.begin_seq());
        }
        for (std::size_t i = 0; i < count; ++i) {
            const event::EventBytes event(events[i]);
            const std::uint64_t seq = first_seq + group + i;
            index::StreamHead::Appended appended;
            if (streams[i] != nullptr) appended = streams[i]->append(seq, part.begin_seq(), part.arena());
            if (appended.is_first_in_part) part.note_stream(streams[i]);
            part.add(seq, body_offset + static_cast<std::uint64_t>(events[i] - body), appended.place);
            if (places != nullptr) places->push_back(appended.place);
            if (event.has(event::kExplicitId)) part.ids().add(id_hash(event.explicit_id()), seq);
        }
    }
    const bool is_off =
        places == nullptr && header.event_count > 1 && base::is_planted(base::Bug::kWrongIdAfterRestart);
    if (header.event_count > 0) part.batches().add(batch_hash(header.batch_id), first_seq + (is_off ? 1 : 0));
    part.publish(first_seq + header.event_count);
}

void IndexSet::apply_removed(wal::Slot slot, std::uint64_t stub_offset, const std::byte* at) {
    const auto stub = base::load<wal::RemovedRecord>(at);
    index::MemoryPart& part = part_for(slot, stub.first_seq, at - stub_offset);
    extend_runs(stub.branch, stub.first_position, stub.first_seq, stub.event_count);
    for (std::uint64_t seq = stub.first_seq; seq < stub.end_seq(); ++seq) part.add_removed(seq, stub_offset);
    part.publish(stub.end_seq());
}

void IndexSet::catch_up(std::uint64_t end_seq) const {
    if (applied_seq() >= end_seq) return;
    const std::lock_guard lock(behind_mutex_);
    const auto held = parts();
    std::uint64_t seq = applied_seq_.load(std::memory_order_relaxed);
    for (const auto& part : held->memory) {
        if (part->begin_seq() >= end_seq && !base::is_planted(base::Bug::kForgetBetweenSegments))
            break;  // What lies between is not published yet.
        const std::uint64_t end = std::min(end_seq, part->end_seq());
        for (seq = std::max(seq, part->begin_seq()); seq < end; ++seq) {
            if (seq + kPrefetchGroup < end) __builtin_prefetch(part->event(seq + kPrefetchGroup));
            if (!part->is_removed(seq)) index_behind(*part, seq);
        }
    }
    if (seq > applied_seq_.load(std::memory_order_relaxed)) applied_seq_.store(seq, std::memory_order_release);
}

void IndexSet::index_behind(index::MemoryPart& part, std::uint64_t seq) const {
    const event::EventBytes event(part.event(seq));
    const auto branch = base::load<event::BranchNumber>(event.body() + offsetof(event::BodyHeader, branch));
    const auto add = [&](KeyKind kind, std::string_view key) {
        index::PostingMap& map = part.map(kind);
        map.append(map.find_or_add(map.hash(branch, key), branch, key), seq);
    };
    add(KeyKind::kType, event.type());
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { add(KeyKind::kTag, tag); });
    if (event.metadata().empty()) return;
    const auto add_key = [&](KeyKind kind, const char* key) {
        const auto value = json::find_value(event.metadata(), {{.key = key}});
        std::string scratch;
        if (value && value->starts_with('"')) add(kind, json::unescaped(json::string_body(*value), scratch));
    };
    add_key(KeyKind::kCorrelation, "correlation_id");
    add_key(KeyKind::kCausation, "causation_id");
    add_key(KeyKind::kActor, "actor");
}

/// What a file says of branches goes on where the files in front of it ended.
Status IndexSet::restore_runs(const index::IndexFile& file) {
    for (const index::IndexedRun& run : file.runs()) {
        if (run.branch > event::kBranchMax)
            return base::fail(ErrorCode::kCorrupt, file.path() + ": a branch that cannot be");
        index::BranchRuns& runs = runs_of(run.branch, run.branch > event::kSystemBranch ? run.first_position : 0);
        if (run.first_position != runs.next_position())
            return base::fail(ErrorCode::kCorrupt, file.path() + ": positions have a gap");
        extend_runs(run.branch, run.first_position, run.first_seq, run.count);
    }
    return {};
}

std::size_t IndexSet::restore(const std::vector<FilePart>& files) {
    ASSERT(growing_ == nullptr && parts()->files.empty());
    std::vector<index::KeyWalk> walks;
    std::uint64_t next_seq = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
        const index::IndexFile& file = *files[i].file;
        if (file.begin_seq() != next_seq || !restore_runs(file).ok()) return i;
        next_seq = file.end_seq();
        walks.emplace_back(file, KeyKind::kEntity);
    }
    // A piece of the heads at a time, of all files: it stays near, where walking file by file misses every cache.
    HeadLoader loader(streams_);
    for (std::size_t piece = 0; piece < index::StreamHeads::kPieces; ++piece) {
        for (std::size_t i = 0; i < walks.size(); ++i) {
            Status walked = walks[i].visit_upto(index::StreamHeads::last_hash_of(piece),
                                                [&](const auto& entry) { return loader.add(entry); });
            if (walked.ok()) walked = loader.load();
            if (!walked.ok()) return i;
        }
    }
    applied_seq_.store(next_seq, std::memory_order_release);
    change_parts([&](IndexParts& parts) { parts.files = files; });
    streams_.release_replaced();
    return files.size();
}

void IndexSet::add_file(FilePart part) {
    change_parts([&](IndexParts& parts) {
        ASSERT(part.file->begin_seq() == parts.files_end());
        parts.files.push_back(std::move(part));
    });
}

void IndexSet::replace_files(std::size_t first, std::size_t count, std::vector<FilePart> with) {
    change_parts([&](IndexParts& parts) {
        ASSERT(first + count <= parts.files.size() && !with.empty() &&
               with.front().file->begin_seq() == parts.files[first].file->begin_seq() &&
               with.back().file->end_seq() == parts.files[first + count - 1].file->end_seq());
        const auto from = parts.files.begin() + static_cast<std::ptrdiff_t>(first);
        const auto behind = parts.files.erase(from, from + static_cast<std::ptrdiff_t>(count));
        parts.files.insert(behind, std::make_move_iterator(with.begin()), std::make_move_iterator(with.end()));
    });
}

std::shared_ptr<const std::atomic<bool>> IndexSet::replace_segments(std::size_t index, FilePart part) {
    std::shared_ptr<const std::atomic<bool>> are_gone;
    change_parts([&](IndexParts& parts) {
        ASSERT(index < parts.files.size() && part.file->begin_seq() == parts.files[index].file->begin_seq() &&
               part.file->end_seq() == parts.files[index].file->end_seq() && part.images.size() == part.slots.size());
        const std::uint64_t end_seq = part.file->end_seq();
        std::erase_if(parts.memory, [&](const auto& memory) {
            if (memory->begin_seq() >= end_seq) return false;
            memory->count_as_held(held_bytes_);
            return true;
        });
        ASSERT(!parts.memory.empty() || parts.anchor != nullptr);
        parts.files[index] = std::move(part);
        are_gone = parts.held->are_gone();
        if (!base::is_planted(base::Bug::kReplaceUnderReaders)) parts.held = std::make_shared<const PartsHeld>();
    });
    if (base::is_planted(base::Bug::kReplaceUnderReaders)) return std::make_shared<const std::atomic<bool>>(true);
    return are_gone;
}

bool IndexSet::has_part_behind(std::size_t index) const {
    const auto held = parts();
    const std::uint64_t end_seq = held->files[index].file->end_seq();
    return held->memory.empty() ? held->anchor != nullptr : held->memory.back()->begin_seq() >= end_seq;
}

std::shared_ptr<index::MemoryPart> IndexSet::oldest_without_file() const {
    const auto held = parts();
    for (std::size_t i = 0; i + 1 < held->memory.size(); ++i) {
        const auto& part = held->memory[i];
        if (part->begin_seq() >= held->files_end() && part->end_seq() > part->begin_seq()) return part;
    }
    return nullptr;
}

bool IndexSet::can_drop_part() const {
    const auto held = parts();
    return held->memory.size() > 1 && held->memory.front()->end_seq() <= held->files_end();
}

bool IndexSet::drop_oldest_part() {
    if (!can_drop_part()) return false;
    change_parts([&](IndexParts& parts) {
        parts.memory.front()->count_as_held(held_bytes_);
        parts.memory.erase(parts.memory.begin());
    });
    return true;
}

std::uint64_t IndexSet::part_bytes() const {
    std::uint64_t bytes = 0;
    const auto held = parts();
    for (const auto& part : held->memory) bytes += part->bytes();
    return bytes;
}

}  // namespace chronos::store
