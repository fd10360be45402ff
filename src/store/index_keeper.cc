#include "store/index_keeper.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file.h"
#include "index/part_writer.h"
#include "store/index_rebuild.h"
#include "store/sealed_content.h"

namespace chronos::store {
namespace {

/// The cache keeps at least this share of the budget, however much must stay in memory.
constexpr std::uint64_t kCacheShareMin = 16;
/// A small merge at most so many times as large as the newest file in it.
constexpr std::uint64_t kSmallGrowth = 4;

/// What is appended between two looks at what is in memory.
constexpr std::uint64_t kLookBytes = std::uint64_t{1} << 20;

/// Counts bytes as in use as long as it lives.
class CountedBytes {
public:
    CountedBytes(std::atomic<std::uint64_t>& total, std::uint64_t bytes) : total_(total), bytes_(bytes) {
        total_.fetch_add(bytes_, std::memory_order_relaxed);
    }
    ~CountedBytes() { total_.fetch_sub(bytes_, std::memory_order_relaxed); }
    CountedBytes(const CountedBytes&) = delete;
    CountedBytes& operator=(const CountedBytes&) = delete;

private:
    std::atomic<std::uint64_t>& total_;
    const std::uint64_t bytes_;
};

wal::SealedSegment sealed_segment(const index::IndexFile& file, std::size_t i) {
    const index::IndexedSegment& segment = file.segments()[i];
    const auto crcs = file.block_crcs(i);
    return {.number = segment.number,
            .salt = segment.salt,
            .first_seq = segment.first_seq,
            .end_seq = segment.end_seq,
            .end_offset = segment.end_offset,
            .last_crc = segment.last_crc,
            .last_epoch = segment.last_epoch,
            .revision = segment.revision(),
            .block_crcs = std::vector<std::uint32_t>(crcs.begin(), crcs.end())};
}

std::size_t tier_of(const FilePart& part, std::size_t merge_count) {
    std::size_t tier = 0;
    for (std::size_t segments = part.slots.size(); segments >= merge_count; segments /= merge_count) ++tier;
    return tier;
}

std::string file_name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

IndexKeeper::IndexKeeper(io::Environment env, cache::ImageCache& cache, KeeperOptions options)
    : env_(env), cache_(cache), options_(std::move(options)) {}

/// A file that opens and whose segments are those of the manifest from `first_slot` on.
Result<std::shared_ptr<index::IndexFile>> IndexKeeper::open_if_it_fits(const std::string& name,
                                                                       const wal::Manifest& manifest,
                                                                       std::size_t first_slot) {
    ASSIGN_OR_RETURN(auto file, index::IndexFile::open(env_.files, cache_, options_.directory + "/" + name, database_));
    const auto& segments = file->segments();
    bool fits = !segments.empty() && first_slot + segments.size() <= manifest.segments.size();
    for (std::size_t i = 0; fits && i < segments.size(); ++i)
        fits = wal::is_known(manifest.segments[first_slot + i], sealed_segment(*file, i));
    if (!fits) return base::fail(ErrorCode::kCorrupt, name + ": is of other segments than the manifest's");
    return file;
}

/// The longest file from each place on; the chain ends where none can be used.
Result<std::vector<FilePart>> IndexKeeper::choose_files(const wal::Manifest& manifest) {
    std::vector<FilePart> chosen;
    ASSIGN_OR_RETURN(const bool exists, env_.files.exists(options_.directory));
    if (!exists) return chosen;
    ASSIGN_OR_RETURN(const auto entries, env_.files.list(options_.directory));
    std::map<std::uint32_t, std::vector<index::IndexFileName>> by_first;
    for (const io::DirectoryEntry& entry : entries)
        if (const auto name = index::parse_index_file_name(entry.name)) by_first[name->first_segment].push_back(*name);
    std::size_t slot = 0;
    while (slot < manifest.segments.size()) {
        auto& candidates = by_first[manifest.segments[slot].number];
        std::sort(candidates.rbegin(), candidates.rend());
        std::shared_ptr<index::IndexFile> file;
        for (const index::IndexFileName& candidate : candidates) {
            auto opened = open_if_it_fits(index::index_file_name(candidate), manifest, slot);
            if (!opened.ok() && opened.error().code == ErrorCode::kIo) return std::move(opened).error();
            if (!opened.ok()) continue;
            file = std::move(opened).value();
            break;
        }
        if (file == nullptr) break;
        FilePart part{.file = file, .slots = {}};
        for (std::size_t i = 0; i < file->segments().size(); ++i) part.slots.push_back(static_cast<wal::Slot>(slot++));
        chosen.push_back(std::move(part));
    }
    return chosen;
}

Result<std::unique_ptr<IndexSet>> IndexKeeper::load(const wal::Manifest& manifest) {
    database_ = manifest.database;
    std::vector<FilePart> files;
    if (!options_.directory.empty()) {
        ASSIGN_OR_RETURN(files, choose_files(manifest));
    }
    while (true) {
        auto indexes = std::make_unique<IndexSet>(manifest.secret);
        const std::size_t restored = indexes->restore(files);
        if (restored == files.size()) {
            indexes_ = indexes.get();
            count_files();
            return indexes;
        }
        files.resize(restored);  // Everything from the one that does not read on comes from the log.
    }
}

std::vector<wal::SealedSegment> IndexKeeper::known_segments() const {
    std::vector<wal::SealedSegment> known;
    const auto parts = indexes_->parts();
    for (const FilePart& part : parts->files)
        for (std::size_t i = 0; i < part.slots.size(); ++i) known.push_back(sealed_segment(*part.file, i));
    return known;
}

std::vector<std::uint64_t> IndexKeeper::known_end_positions() const {
    std::vector<std::uint64_t> positions;
    const auto parts = indexes_->parts();
    for (const FilePart& part : parts->files)
        for (const index::IndexedSegment& segment : part.file->segments())
            positions.push_back(segment.main_end_position);
    return positions;
}

std::int64_t IndexKeeper::last_recorded_at() const {
    const auto parts = indexes_->parts();
    return parts->files.empty() ? 0 : parts->files.back().file->segments().back().last_recorded_at;
}

Status IndexKeeper::on_recovered(wal::Log& log, wal::Slot slot, const wal::SealedSegment& segment) {
    if (recovered_.size() <= slot) recovered_.resize(slot + std::size_t{1});
    recovered_[slot] = segment;
    const auto segment_at = [&](wal::Slot at) { return std::optional(recovered_[at]); };
    const auto bytes_in_memory = [&] {
        std::uint64_t bytes = indexes_->part_bytes();
        const auto parts = indexes_->parts();
        for (const auto& part : parts->memory) bytes += recovered_[part->slot()].end_offset;
        return bytes;
    };
    while (bytes_in_memory() > options_.memory_budget / 2) {
        const auto part = indexes_->oldest_without_file();
        if (part == nullptr) return {};
        indexes_->catch_up(part->end_seq());
        // Without room for the file memory has to do.
        if (!write_file(*part, segment_at).ok()) return {};
        if (!indexes_->drop_oldest_part()) return {};
        log.let_go(part->slot(), recovered_[part->slot()].block_crcs);
    }
    return {};
}

Status IndexKeeper::prepare_directory() {
    if (directory_is_ready_) return {};
    ASSIGN_OR_RETURN(const bool exists, env_.files.exists(options_.directory));
    if (!exists) RETURN_IF_ERROR(env_.files.make_directory(options_.directory));
    RETURN_IF_ERROR(env_.files.sync_directory(options_.directory.substr(0, options_.directory.rfind('/'))));
    directory_is_ready_ = true;
    remove_unused();
    return {};
}

/// Files that were merged, damaged or left unfinished. Best effort: they do no harm.
void IndexKeeper::remove_unused() {
    const auto entries = env_.files.list(options_.directory);
    if (!entries.ok()) return;
    const auto parts = indexes_->parts();
    for (const io::DirectoryEntry& entry : *entries) {
        const bool is_ours = entry.name.ends_with(".idx") || entry.name.ends_with(".idx.tmp");
        const bool is_used = std::any_of(parts->files.begin(), parts->files.end(), [&](const FilePart& part) {
            return file_name_of(part.file->path()) == entry.name;
        });
        if (is_ours && !is_used && !entry.is_directory)
            (void)env_.files.remove_file(options_.directory + "/" + entry.name);
    }
}

/// Reads a new file back whole: what it replaces goes only after that.
Result<std::shared_ptr<index::IndexFile>> IndexKeeper::open_written(const std::string& path,
                                                                    const std::function<Status()>& yield) {
    const auto opened = [&]() -> Result<std::shared_ptr<index::IndexFile>> {
        ASSIGN_OR_RETURN(auto file, index::IndexFile::open(env_.files, cache_, path, database_));
        RETURN_IF_ERROR(file->verify(yield));
        return file;
    };
    auto file = opened();
    if (!file.ok()) (void)env_.files.remove_file(path);
    return file;
}

Status IndexKeeper::write_file(const index::MemoryPart& part, const SegmentLookup& segment_at) {
    RETURN_IF_ERROR(prepare_directory());
    const auto held = indexes_->parts();
    const index::IndexedSegment* before = held->files.empty() ? nullptr : &held->files.back().file->segments().back();
    FilePart written;
    std::vector<wal::SealedSegment> segments;
    for (wal::Slot slot = held->files.empty() ? 0 : held->files.back().slots.back() + 1; slot <= part.slot(); ++slot) {
        const auto segment = segment_at(slot);
        if (!segment) return base::fail(ErrorCode::kNotFound, "a segment is not sealed yet");
        segments.push_back(*segment);
        written.slots.push_back(slot);
    }
    const CountedBytes working(working_bytes_, index::part_file_working_bytes(part));
    const index::IndexResident resident = resident_of(part, segments, before == nullptr ? 0 : before->main_end_position,
                                                      before == nullptr ? 0 : before->last_recorded_at);
    ASSIGN_OR_RETURN(const std::string path, index::write_part_file(env_.files, options_.directory, database_, part,
                                                                    indexes_->streams(), resident));
    ASSIGN_OR_RETURN(written.file, open_written(path, {}));
    indexes_->add_file(std::move(written));
    count_files();
    return {};
}

Status IndexKeeper::write_files(wal::Log& log, const std::function<void()>& on_written) {
    if (options_.directory.empty()) return {};
    recovered_.clear();
    const auto segment_at = [&](wal::Slot slot) { return log.sealed(slot); };
    while (const auto part = indexes_->oldest_without_file()) {
        if (!log.sealed(part->slot())) break;
        indexes_->catch_up(part->end_seq());
        RETURN_IF_ERROR(write_file(*part, segment_at));
        make_evictable(log);
        balance(log);
        if (on_written) on_written();
    }
    make_evictable(log);
    return {};
}

/// Segments that index files know may leave memory.
void IndexKeeper::make_evictable(wal::Log& log) {
    const auto parts = indexes_->parts();
    for (const FilePart& part : parts->files)
        for (const wal::Slot slot : part.slots) log.make_evictable(slot);
}

/// The oldest neighbours that are due: small ones at once, others when a tier is full. {first, count}; count 0: none.
std::pair<std::size_t, std::size_t> IndexKeeper::files_to_merge(const std::vector<FilePart>& files) const {
    std::size_t first = 0;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (files[i].file->is_damaged()) {
            first = i + 1;
            continue;
        }
        const bool same_tier = tier_of(files[i], options_.merge_count) == tier_of(files[first], options_.merge_count);
        if (!same_tier) first = i;
        if (files[i].file->end_seq() - files[first].file->begin_seq() > index::kIndexFileEventsMax) first = i;
        const std::uint64_t events = files[i].file->end_seq() - files[first].file->begin_seq();
        const std::size_t run = i - first + 1;
        const std::uint64_t newest = files[i].file->end_seq() - files[i].file->begin_seq();
        // Not again and again for little more.
        const bool is_worth_it = run > 1 && events <= options_.small_events && events <= newest * kSmallGrowth;
        if (run >= options_.merge_count || is_worth_it) return {first, run};
    }
    return {0, 0};
}

Result<bool> IndexKeeper::merge_once(const std::function<Status()>& yield) {
    if (options_.directory.empty()) return false;
    const auto held = indexes_->parts();
    const std::vector<FilePart>& files = held->files;
    const auto [first, run] = files_to_merge(files);
    if (run == 0) return false;
    RETURN_IF_ERROR(prepare_directory());  // It clears away what is unfinished; from now on that is ours.

    FilePart merged;
    std::vector<std::shared_ptr<index::IndexFile>> parts;
    for (std::size_t i = first; i < first + run; ++i) {
        parts.push_back(files[i].file);
        for (std::size_t at = 0; at < files[i].slots.size(); ++at) merged.images.push_back(files[i].image(at));
        merged.slots.insert(merged.slots.end(), files[i].slots.begin(), files[i].slots.end());
    }
    const CountedBytes working(working_bytes_, index::merge_working_bytes(parts));
    ASSIGN_OR_RETURN(const std::string path,
                     index::merge_index_files(env_.files, options_.directory, database_, parts, yield));
    ASSIGN_OR_RETURN(merged.file, open_written(path, yield));
    std::vector<FilePart> with;
    with.push_back(std::move(merged));
    indexes_->replace_files(first, run, std::move(with));
    merges_.fetch_add(1, std::memory_order_relaxed);
    for (const auto& part : parts) {
        (void)part->keep_open();  // For those who read in it yet; if it fails, they are told.
        (void)env_.files.remove_file(part->path());
    }
    count_files();
    return true;
}

bool IndexKeeper::can_be_repaired(const FilePart& part) const {
    const auto is_given_up = [&](const auto& file) { return file.lock() == part.file; };
    return part.file->is_damaged() && std::none_of(given_up_.begin(), given_up_.end(), is_given_up);
}

bool IndexKeeper::has_damaged() const {
    const auto held = indexes_->parts();
    return std::any_of(held->files.begin(), held->files.end(),
                       [&](const FilePart& part) { return can_be_repaired(part); });
}

Result<bool> IndexKeeper::repair_once(wal::Log& log, const std::function<Status()>& yield) {
    if (options_.directory.empty()) return false;
    const auto held = indexes_->parts();
    const auto damaged = std::find_if(held->files.begin(), held->files.end(),
                                      [&](const FilePart& part) { return can_be_repaired(part); });
    if (damaged == held->files.end()) return false;
    // A segment whose replacement waits for readers is not in its slot yet: later.
    for (std::size_t i = 0; i < damaged->slots.size(); ++i) {
        const auto segment = log.sealed(damaged->slots[i]);
        if (!segment || segment->revision != damaged->file->segments()[i].revision()) return false;
    }
    RETURN_IF_ERROR(prepare_directory());
    RETURN_IF_ERROR(damaged->file->keep_open());  // Another may come under its name.
    const auto first = static_cast<std::size_t>(damaged - held->files.begin());
    const auto open = [&](const std::string& path) { return open_written(path, yield); };
    auto rebuilt = rebuild_index_file(
        {.files = env_.files, .directory = options_.directory, .database = database_, .open = open, .yield = yield},
        log, *indexes_, *held, first);
    if (!rebuilt.ok()) {
        if (rebuilt.error().code == ErrorCode::kCorrupt) given_up_.emplace_back(damaged->file);
        return std::move(rebuilt).error();
    }
    const std::string old_path = damaged->file->path();
    const bool is_replaced = std::any_of(rebuilt->begin(), rebuilt->end(),
                                         [&](const FilePart& part) { return part.file->path() == old_path; });
    indexes_->replace_files(first, 1, std::move(rebuilt).value());
    repairs_.fetch_add(1, std::memory_order_relaxed);
    if (!is_replaced) (void)env_.files.remove_file(old_path);
    count_files();
    return true;
}

Result<FilePart> IndexKeeper::rewrite_file(const FilePart& part, const index::IndexEdit& edit,
                                           const std::function<Status()>& yield) {
    RETURN_IF_ERROR(prepare_directory());
    FilePart rewritten{.file = nullptr, .slots = part.slots, .images = part.images};
    rewritten.images.resize(rewritten.slots.size());
    ASSIGN_OR_RETURN(const std::string path,
                     index::rewrite_index_file(env_.files, options_.directory, database_, *part.file, edit, yield));
    ASSIGN_OR_RETURN(rewritten.file, open_written(path, yield));
    return rewritten;
}

void IndexKeeper::discard(const FilePart& rewritten) { (void)env_.files.remove_file(rewritten.file->path()); }

std::shared_ptr<const std::atomic<bool>> IndexKeeper::replace_segments(std::size_t index, FilePart rewritten) {
    const auto old = indexes_->parts()->files[index].file;
    (void)old->keep_open();  // For those who read in it yet; if it fails, they are told.
    auto are_gone = indexes_->replace_segments(index, std::move(rewritten));
    (void)env_.files.remove_file(old->path());
    count_files();
    return are_gone;
}

void IndexKeeper::count_files() {
    std::uint64_t bytes = 0;
    std::uint64_t filters = 0;
    const auto parts = indexes_->parts();
    for (const FilePart& part : parts->files) {
        bytes += part.file->file_size();
        filters += part.file->resident_bytes();
    }
    file_count_.store(parts->files.size(), std::memory_order_relaxed);
    file_bytes_.store(bytes, std::memory_order_relaxed);
    resident_bytes_.store(filters, std::memory_order_relaxed);
}

MemoryUse IndexKeeper::measure(const wal::Log& log) const {
    const wal::Log::FixedBytes fixed = log.fixed_bytes();
    return {.heads = indexes_->stream_bytes(),
            .files = resident_bytes_.load(std::memory_order_relaxed) +
                     log.used_bytes() / cache::kImageBlockSize * sizeof(std::uint32_t),
            .log_tail = fixed.tail,
            .log_waiting = fixed.waiting,
            .working = working_bytes_.load(std::memory_order_relaxed),
            .held_parts = indexes_->held_bytes(),
            .parts = indexes_->part_bytes(),
            .blocks = cache_.bytes()};
}

void IndexKeeper::balance(const wal::Log& log) {
    const auto has_too_many_parts = [&] {
        const std::lock_guard lock(looking_mutex_);
        const MemoryUse use = look(log);
        const std::uint64_t available = options_.memory_budget > use.fixed() ? options_.memory_budget - use.fixed() : 0;
        return use.parts > available / 2 || use.total() > options_.memory_budget ||
               indexes_->parts()->memory.size() > options_.parts_max;
    };
    while (has_too_many_parts() && indexes_->drop_oldest_part()) {
    }
}

bool IndexKeeper::look_again(const wal::Log& log) {
    const bool has_moved = log.used_bytes() - looked_at_bytes_.load(std::memory_order_relaxed) > kLookBytes;
    if (has_moved || is_short()) {
        const std::unique_lock lock(looking_mutex_, std::try_to_lock);
        if (lock.owns_lock()) (void)look(log);
    }
    return is_short();
}

/// Leaves to blocks what else leaves of the budget. Requires: looking_mutex_.
MemoryUse IndexKeeper::look(const wal::Log& log) {
    looked_at_bytes_.store(log.used_bytes(), std::memory_order_relaxed);
    MemoryUse use = measure(log);
    const std::uint64_t others = use.fixed() + use.parts;
    const std::uint64_t left = options_.memory_budget > others ? options_.memory_budget - others : 0;
    cache_.set_bytes_max(std::max(left, options_.memory_budget / kCacheShareMin));
    cache_.trim();
    use.blocks = cache_.bytes();
    const bool is_waited_for = use.log_waiting > 0 || indexes_->can_drop_part();
    is_short_.store(use.total() > options_.memory_budget && is_waited_for, std::memory_order_relaxed);
    return use;
}

}  // namespace chronos::store
