#include "store/index_keeper.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file.h"
#include "store/sealed_content.h"

namespace chronos::store {
namespace {

/// The cache keeps at least this share of the budget, however much must stay in memory.
constexpr std::uint64_t kCacheShareMin = 16;
/// A small merge at most so many times as large as the newest file in it.
constexpr std::uint64_t kSmallGrowth = 4;

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
            .block_crcs = {crcs.begin(), crcs.end()}};
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
    std::map<std::uint32_t, std::vector<std::pair<std::uint32_t, std::string>>> by_first;
    for (const io::DirectoryEntry& entry : entries)
        if (const auto segments = index::parse_index_file_name(entry.name))
            by_first[segments->first].emplace_back(segments->second, entry.name);
    std::size_t slot = 0;
    while (slot < manifest.segments.size()) {
        auto& candidates = by_first[manifest.segments[slot].number];
        std::sort(candidates.rbegin(), candidates.rend());
        std::shared_ptr<index::IndexFile> file;
        for (const auto& [last, name] : candidates) {
            auto opened = open_if_it_fits(name, manifest, slot);
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
        std::size_t restored = 0;
        while (restored < files.size() && indexes->restore(files[restored]).ok()) ++restored;
        if (restored == files.size()) {
            indexes->finish_restoring();
            indexes_ = indexes.get();
            count_files();
            return indexes;
        }
        files.resize(restored);  // Everything from the one that does not read on comes from the log.
    }
}

std::vector<wal::SealedSegment> IndexKeeper::known_segments() const {
    std::vector<wal::SealedSegment> known;
    for (const FilePart& part : indexes_->parts()->files)
        for (std::size_t i = 0; i < part.slots.size(); ++i) known.push_back(sealed_segment(*part.file, i));
    return known;
}

std::vector<std::uint64_t> IndexKeeper::known_end_positions() const {
    std::vector<std::uint64_t> positions;
    for (const FilePart& part : indexes_->parts()->files)
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
        for (const auto& part : indexes_->parts()->memory) bytes += recovered_[part->slot()].end_offset;
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
    const index::IndexContent content =
        content_of(part, indexes_->streams(), segments, before == nullptr ? 0 : before->main_end_position,
                   before == nullptr ? 0 : before->last_recorded_at);
    ASSIGN_OR_RETURN(const std::string path,
                     index::write_index_file(env_.files, options_.directory, database_, content));
    ASSIGN_OR_RETURN(written.file, open_written(path, {}));
    indexes_->add_file(std::move(written));
    count_files();
    return {};
}

Status IndexKeeper::write_files(wal::Log& log) {
    if (options_.directory.empty()) return {};
    recovered_.clear();
    const auto segment_at = [&](wal::Slot slot) { return log.sealed(slot); };
    while (const auto part = indexes_->oldest_without_file()) {
        if (!log.sealed(part->slot())) break;
        indexes_->catch_up(part->end_seq());
        RETURN_IF_ERROR(write_file(*part, segment_at));
        make_evictable(log);
        balance(log);
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
        merged.slots.insert(merged.slots.end(), files[i].slots.begin(), files[i].slots.end());
    }
    ASSIGN_OR_RETURN(const std::string path,
                     index::merge_index_files(env_.files, options_.directory, database_, parts, yield));
    ASSIGN_OR_RETURN(merged.file, open_written(path, yield));
    indexes_->replace_files(first, run, std::move(merged));
    merges_.fetch_add(1, std::memory_order_relaxed);
    for (const auto& part : parts) (void)env_.files.remove_file(part->path());
    count_files();
    return true;
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
    filter_bytes_ = filters;
}

void IndexKeeper::balance(const wal::Log& log) {
    const std::uint64_t fixed = indexes_->stream_bytes() + filter_bytes_ + log.unevictable_bytes();
    const std::uint64_t available = options_.memory_budget > fixed ? options_.memory_budget - fixed : 0;
    while (indexes_->part_bytes() > available / 2 || indexes_->parts()->memory.size() > options_.parts_max)
        if (!indexes_->drop_oldest_part()) break;
    const std::uint64_t parts = indexes_->part_bytes();
    cache_.set_bytes_max(std::max(available > parts ? available - parts : 0, options_.memory_budget / kCacheShareMin));
    cache_.trim();
    memory_bytes_.store(fixed + parts + cache_.bytes(), std::memory_order_relaxed);
    // What is appended to, and one more that is on its way to a file, cannot be waited for.
    is_short_ = memory_bytes() > options_.memory_budget && log.unevictable_count() > 2;
}

}  // namespace chronos::store
