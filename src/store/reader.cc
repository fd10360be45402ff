#include "store/reader.h"

#include <algorithm>
#include <array>

#include "base/planted_bug.h"
#include "base/result.h"

namespace chronos::store {
namespace {

/// Pages may hold this much more than the budget before further reads into pages are refused.
constexpr std::uint64_t kPinnedSlackBytes = std::uint64_t{512} << 20;

void prefetch_lines(const std::byte* at) {
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
    __builtin_prefetch(at + 128);
    __builtin_prefetch(at + 192);
}

event::BranchNumber branch_of(const std::byte* event) {
    return base::load<event::BranchNumber>(event::EventBytes(event).body() + offsetof(event::BodyHeader, branch));
}

}  // namespace

Reader::Reader(const IndexSet& indexes, const Options& options)
    : indexes_(indexes), options_(options), parts_(indexes.parts()) {}

Reader::~Reader() {
    if (latest_ != nullptr) latest_->unpin();
    indexes_.log().cache().trim();
}

void Reader::fail(Error error) {
    if (!status_.ok()) return;
    status_ = std::move(error);
    if (status_.error().code != ErrorCode::kCorrupt) return;
    const auto is_damaged = [](const FilePart& part) { return part.file->is_damaged(); };
    if (std::any_of(parts_->files.begin(), parts_->files.end(), is_damaged)) indexes_.note_damage();
}

const index::MemoryPart* Reader::part_of(std::uint64_t seq) {
    if (last_part_ != nullptr && seq >= last_part_->begin_seq() && seq < last_part_->end_seq()) return last_part_;
    const auto& memory = parts_->memory;
    if (memory.empty() || seq < memory.front()->begin_seq()) return nullptr;
    const auto behind = std::upper_bound(memory.begin(), memory.end(), seq, [](std::uint64_t value, const auto& part) {
        return value < part->begin_seq();
    });
    last_part_ = std::prev(behind)->get();
    return last_part_;
}

const FilePart* Reader::file_of(std::uint64_t seq) {
    if (last_file_ != nullptr && seq >= last_file_->file->begin_seq() && seq < last_file_->file->end_seq())
        return last_file_;
    const auto& files = parts_->files;
    const auto found = std::upper_bound(files.begin(), files.end(), seq, [](std::uint64_t value, const FilePart& part) {
        return value < part.file->end_seq();
    });
    last_file_ = found == files.end() ? nullptr : &*found;
    return last_file_;
}

bool Reader::locate(std::uint64_t seq, Located& located) {
    if (const index::MemoryPart* part = part_of(seq)) {
        located = {&indexes_.log().image(part->slot()), part->offset(seq), part->place(seq), part->is_removed(seq)};
        return true;
    }
    const FilePart* file = file_of(seq);
    if (file == nullptr) {
        fail(base::fail(ErrorCode::kCorrupt, "no index knows event " + std::to_string(seq)));
        return false;
    }
    std::uint32_t offset = 0;
    std::uint32_t place = 0;
    if (Status found = file->file->locate({&seq, 1}, &offset, &place, access()); !found.ok()) {
        fail(std::move(found).error());
        return false;
    }
    const std::size_t segment = file->file->segment_of(seq);
    cache::FileImage* const image = file->image(segment);
    located = {image != nullptr ? image : &indexes_.log().image(file->slots[segment]),
               std::uint64_t{offset & ~index::kRemovedMark} * 8, place, (offset & index::kRemovedMark) != 0};
    return true;
}

void Reader::pin(cache::FileImage& image) {
    if (options_.keep != nullptr) {
        options_.keep->hold(image);
    } else if (latest_ != &image) {
        if (latest_ != nullptr) latest_->unpin();
        image.pin();
        latest_ = &image;
    }
}

/// Pins the event's segment and makes sure its bytes are there.
const std::byte* Reader::bring(const Located& located) {
    if (located.is_removed) {
        fail_removed(located);
        return nullptr;
    }
    cache::FileImage& image = *located.image;
    pin(image);
    if (!image.is_whole() && !bring_from_disk(image, located.offset)) return nullptr;
    return image.data() + located.offset;
}

/// The same for the stub of an event that was removed.
const std::byte* Reader::bring_stub(const Located& located) {
    cache::FileImage& image = *located.image;
    pin(image);
    const std::uint64_t end = located.offset + sizeof(wal::RemovedRecord);
    if (!image.is_loaded(located.offset, end)) {
        if (options_.resident_only) {
            fail(base::fail(ErrorCode::kWouldBlock, "the event is not in memory"));
            return nullptr;
        }
        if (Status loaded = image.load(located.offset, end); !loaded.ok()) {
            fail(std::move(loaded).error());
            return nullptr;
        }
    }
    return image.data() + located.offset;
}

void Reader::fail_removed(const Located& located) {
    const std::byte* at = bring_stub(located);
    if (at == nullptr) return;
    const auto stub = base::load<wal::RemovedRecord>(at);
    fail(base::fail(ErrorCode::kGone, "events of a fork that ended (number " + std::to_string(stub.branch) +
                                          ") were removed to give back their space; make a new view of another "
                                          "branch"));
}

bool Reader::bring_from_disk(cache::FileImage& image, std::uint64_t offset) {
    const auto load = [&](std::uint64_t begin, std::uint64_t end) {
        if (image.is_loaded(begin, end)) return true;
        if (options_.resident_only) {
            fail(base::fail(ErrorCode::kWouldBlock, "the event is not in memory"));
            return false;
        }
        Status loaded = image.load(begin, end);
        if (!loaded.ok()) fail(std::move(loaded).error());
        return loaded.ok();
    };
    if (!load(offset, offset + event::kEventHeaderSize)) return false;
    const event::EventHeader header = event::EventBytes(image.data() + offset).header();
    const std::uint64_t distance = std::uint64_t{header.body_distance} * 8;
    if (distance > offset || !event::EventBytes(image.data() + offset).fits()) {
        fail(base::fail(ErrorCode::kCorrupt, image.name() + " at offset " + std::to_string(offset) +
                                                 ": there is no event; `chronos verify` says more"));
        return false;
    }
    if (!load(offset - distance, offset - distance + event::kBodyHeaderSize) || !load(offset, offset + header.size))
        return false;
    const cache::ImageCache& cache = indexes_.log().cache();
    if (options_.keep == nullptr || cache.bytes() <= cache.bytes_max() * 2 + kPinnedSlackBytes) return true;
    indexes_.log().cache().trim_waiting();
    if (cache.bytes() <= cache.bytes_max() * 2 + kPinnedSlackBytes) return true;
    fail(base::fail(ErrorCode::kLimitExceeded,
                    "pages hold more of the log in memory than memory_budget allows; release pages that are done, or "
                    "read fewer events at once"));
    return false;
}

const std::byte* Reader::event(std::uint64_t seq) { return find(seq).at; }

Reader::Found Reader::find(std::uint64_t seq) {
    Located located;
    if (!ok() || !locate(seq, located)) return {};
    return {bring(located), located.place};
}

const std::byte* Reader::body(std::uint64_t seq) {
    const std::byte* at = event(seq);
    if (at == nullptr) return nullptr;
    const std::byte* body = event::EventBytes(at).body();
    if (latest_->is_whole()) return body;
    const auto offset = static_cast<std::uint64_t>(body - latest_->data());
    if (Status loaded = latest_->load(offset, offset + event::BodyView(body).size()); !loaded.ok()) {
        fail(std::move(loaded).error());
        return nullptr;
    }
    return body;
}

bool Reader::find(std::span<const std::uint64_t> seqs, Found* found) {
    std::array<Located, kLookupGroup> located;
    for (const std::uint64_t seq : seqs) {
        const index::MemoryPart* part = part_of(seq);
        if (part != nullptr) part->prefetch(seq);
    }
    for (std::size_t i = 0; i < seqs.size(); ++i)
        if (!ok() || !locate(seqs[i], located[i])) return false;
    for (std::size_t i = 0; i < seqs.size(); ++i) {
        found[i] = {bring(located[i]), located[i].place};
        if (found[i].at == nullptr) return false;
        prefetch_lines(found[i].at);
    }
    for (std::size_t i = 0; i < seqs.size(); ++i) {
        const auto distance = base::load<std::uint32_t>(found[i].at + offsetof(event::EventHeader, body_distance));
        __builtin_prefetch(found[i].at - std::size_t{distance} * 8);
    }
    return true;
}

std::int64_t Reader::recorded_at(std::uint64_t seq) {
    Located located;
    if (!ok() || !locate(seq, located)) return 0;
    const std::byte* at = located.is_removed ? bring_stub(located) : bring(located);
    if (at == nullptr) return 0;
    return located.is_removed
               ? base::load<wal::RemovedRecord>(at).recorded_at
               : base::load<std::int64_t>(event::EventBytes(at).body() + offsetof(event::BodyHeader, recorded_at));
}

std::uint64_t Reader::seqs_recorded_by(std::int64_t time, std::uint64_t end_seq) {
    std::uint64_t low = 0;
    std::uint64_t high = end_seq;
    // Times of stripes are in memory: they leave at most one stripe of a file to look at.
    for (const FilePart& part : parts_->files) {
        const std::vector<index::TimeStripe>& stripes = part.file->stripes();
        const auto behind = std::upper_bound(
            stripes.begin(), stripes.end(), time,
            [](std::int64_t value, const index::TimeStripe& stripe) { return value < stripe.first_recorded_at; });
        const std::uint64_t first_stripe = part.file->begin_seq() / index::kStripeEvents;
        const auto stripe = first_stripe + static_cast<std::uint64_t>(behind - stripes.begin());
        if (behind != stripes.end())
            high = std::min(high, std::max(stripe * index::kStripeEvents, part.file->begin_seq()));
        if (behind != stripes.begin()) low = std::max((stripe - 1) * index::kStripeEvents, part.file->begin_seq());
        if (behind != stripes.end()) break;
    }
    low = std::min(low, high);
    while (low < high && ok()) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (recorded_at(middle) <= time - (base::is_planted(base::Bug::kForgetLatest) ? 1 : 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Visits what has events from begin_seq on, newest first, until one visit says yes.
template <typename InPart, typename InFile>
bool Reader::visit_candidates(std::uint64_t begin_seq, const InPart& in_part, const InFile& in_file) {
    for (auto part = parts_->memory.rbegin(); part != parts_->memory.rend(); ++part) {
        if ((*part)->end_seq() <= begin_seq) return false;
        if (in_part(**part)) return true;
    }
    const std::uint64_t memory_begin = parts_->memory_begin();
    for (auto part = parts_->files.rbegin(); part != parts_->files.rend() && ok(); ++part) {
        if (part->file->end_seq() <= begin_seq) return false;
        if (part->file->begin_seq() >= memory_begin) continue;  // Its memory part has answered.
        if (in_file(*part->file)) return true;
    }
    return false;
}

std::optional<std::uint64_t> Reader::find_batch(const Uuid& batch_id, const Layers& layers, std::uint64_t begin_seq) {
    const std::uint64_t hash = indexes_.batch_hash(batch_id);
    std::optional<std::uint64_t> result;
    const auto is_it = [&](std::uint64_t seq) {
        if (seq < begin_seq) return false;
        const std::byte* at = event(seq);
        if (at == nullptr) return true;  // The error ends it.
        if (event::BodyView(event::EventBytes(at).body()).header().batch_id != batch_id) return false;
        if (!layers.contain(branch_of(at), seq)) return false;
        result = seq;
        return true;
    };
    visit_candidates(
        begin_seq, [&](const index::MemoryPart& part) { return part.batches().for_each(hash, is_it); },
        [&](const index::IndexFile& file) {
            bool found = false;
            Status visited = file.for_each_batch(hash, [&](std::uint64_t seq) { return found = is_it(seq); });
            if (!visited.ok()) fail(std::move(visited).error());
            return found;
        });
    return result;
}

void Reader::prefetch_ids(std::span<const Uuid> ids, std::uint64_t begin_seq) const {
    for (const Uuid& id : ids) {
        const std::uint64_t hash = indexes_.id_hash(id);
        for (auto part = parts_->memory.rbegin(); part != parts_->memory.rend(); ++part) {
            if ((*part)->end_seq() <= begin_seq) break;
            (*part)->ids().prefetch(hash);
        }
        for (auto part = parts_->files.rbegin(); part != parts_->files.rend(); ++part) {
            if (part->file->end_seq() <= begin_seq) break;
            part->file->prefetch_id(hash);
        }
    }
}

std::optional<std::uint64_t> Reader::find_id(const Uuid& id, const Layers& layers, std::uint64_t begin_seq,
                                             std::uint64_t end_seq) {
    const std::uint64_t hash = indexes_.id_hash(id);
    std::optional<std::uint64_t> result;
    const auto is_it = [&](std::uint64_t seq) {
        if (seq < begin_seq || seq >= end_seq) return false;
        const std::byte* at = event(seq);
        if (at == nullptr) return true;
        const event::EventBytes found(at);
        if (!found.has(event::kExplicitId) || found.explicit_id() != id || !layers.contain(branch_of(at), seq))
            return false;
        result = seq;
        return true;
    };
    visit_candidates(
        begin_seq, [&](const index::MemoryPart& part) { return part.ids().for_each(hash, is_it); },
        [&](const index::IndexFile& file) {
            bool found = false;
            Status visited = file.for_each_id(hash, [&](std::uint64_t seq) { return found = is_it(seq); });
            if (!visited.ok()) fail(std::move(visited).error());
            return found;
        });
    if (result || !ok()) return result;

    // An id that was derived from its batch's.
    const std::optional<std::uint64_t> first = find_batch(event::batch_id_of(id), layers, 0);
    if (!first) return std::nullopt;
    const std::byte* at = event(*first);
    if (at == nullptr) return std::nullopt;
    const event::BodyHeader header = event::BodyView(event::EventBytes(at).body()).header();
    const std::uint64_t seq = *first + event::ordinal_of(id);
    if (event::ordinal_of(id) >= header.event_count || seq < begin_seq || seq >= end_seq ||
        !layers.contain(header.branch, seq))
        return std::nullopt;
    at = event(seq);
    if (at == nullptr || event::EventBytes(at).has(event::kExplicitId)) return std::nullopt;
    return seq;
}

}  // namespace chronos::store
