#include "store/backup.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/result.h"
#include "store/database_folder.h"
#include "wal/scanner.h"
#include "wal/segment.h"

namespace chronos::store {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
constexpr int kAttemptsMax = 5;

std::string name_of(const wal::SegmentEntry& entry) { return wal::segment_file_name({entry.number, entry.revision}); }

bool is_sealed(const wal::SegmentEntry& entry) { return entry.state == wal::SegmentState::kSealed; }

bool has_hash(const wal::SegmentEntry& entry) { return (entry.flags & wal::SegmentEntry::kHasSha256) != 0; }

/// Bytes of the segment that matter.
std::uint64_t size_of(const wal::SegmentEntry& entry) { return is_sealed(entry) ? entry.end_offset : entry.file_size; }

/// What a copy is to hold: the segments up to the durable end, and how much of the last one.
struct Content {
    wal::Manifest manifest;
    std::uint64_t last_size = 0;  ///< Of the last segment.

    [[nodiscard]] std::uint64_t copied_size(std::size_t index) const {
        return index + 1 == manifest.segments.size() ? last_size : size_of(manifest.segments[index]);
    }
    [[nodiscard]] std::uint64_t total() const {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < manifest.segments.size(); ++i) bytes += copied_size(i);
        return bytes;
    }
};

/// The log up to `end`, as the manifest has it. Nothing if the manifest is of another time: read it again.
std::optional<Content> content_upto(wal::Manifest manifest, const wal::DurableEnd& end) {
    const auto last = std::find_if(manifest.segments.begin(), manifest.segments.end(),
                                   [&](const wal::SegmentEntry& entry) { return entry.number == end.segment_number; });
    if (last == manifest.segments.end()) return std::nullopt;
    manifest.segments.erase(last + 1, manifest.segments.end());
    Content content{.manifest = std::move(manifest), .last_size = end.offset};
    wal::SegmentEntry& entry = content.manifest.segments.back();
    // Sealed, and rewritten, since: a copy that ended with it would have no segment to go on in.
    if (entry.revision > 0) return std::nullopt;
    // It may have been sealed since, further on. Here it ends where the copy does.
    const wal::SegmentEntry open{.number = entry.number, .salt = entry.salt, .file_size = entry.file_size};
    entry = open;
    content.manifest.durable_upto = end.seq;
    return content;
}

/// Leaves out blocks of zeros: what was removed from the log takes no space in a copy either.
Status write_sparse(io::File& file, std::uint64_t offset, std::span<const std::byte> bytes) {
    const auto is_zero = [&](std::size_t at) {
        const auto block = bytes.subspan(at, std::min(io::kBlockSize, bytes.size() - at));
        return std::all_of(block.begin(), block.end(), [](std::byte byte) { return byte == std::byte{0}; });
    };
    for (std::size_t at = 0; at < bytes.size();) {
        std::size_t end = at;
        while (end < bytes.size() && !is_zero(end)) end = std::min(end + io::kBlockSize, bytes.size());
        if (end > at) RETURN_IF_ERROR(file.write_at(offset + at, bytes.subspan(at, end - at)));
        at = end + io::kBlockSize;
    }
    return {};
}

/// Copies the first `size` bytes, the rest reading as zeros up to `file_size`; answers their hash.
Result<base::Sha256Digest> copy_file(io::FileSystem& files, const std::string& from, const std::string& to,
                                     std::uint64_t size, std::uint64_t file_size,
                                     const std::function<void(std::uint64_t)>& on_bytes) {
    ASSIGN_OR_RETURN(const std::unique_ptr<io::File> source, files.open(from, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(const bool is_left_over, files.exists(to));
    if (is_left_over) RETURN_IF_ERROR(files.remove_file(to));
    ASSIGN_OR_RETURN(const std::unique_ptr<io::File> copy, files.open(to, io::OpenMode::kCreate));
    base::Sha256 sha;
    std::vector<std::byte> piece(kPieceBytes);
    for (std::uint64_t at = 0; at < size;) {
        const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), size - at));
        ASSIGN_OR_RETURN(const std::size_t got, source->read_at(at, part));
        if (got != part.size())
            return base::fail(ErrorCode::kCorrupt, from + " ends at " + std::to_string(at + got) + ", before its end");
        sha.update(part);
        RETURN_IF_ERROR(write_sparse(*copy, at, part));
        at += got;
        on_bytes(got);
    }
    RETURN_IF_ERROR(copy->truncate(file_size));
    RETURN_IF_ERROR(copy->sync());
    return sha.finish();
}

bool is_same_segment(const wal::SegmentEntry& a, const wal::SegmentEntry& b) {
    return a.number == b.number && a.salt == b.salt && is_sealed(a) && is_sealed(b) && a.end_offset == b.end_offset &&
           has_hash(a) && has_hash(b) && a.sha256 == b.sha256;
}

/// The entry of an earlier copy that is the same file; null if there is none.
bool is_copied(const std::optional<wal::Manifest>& earlier, const wal::SegmentEntry& entry) {
    return earlier && std::any_of(earlier->segments.begin(), earlier->segments.end(),
                                  [&](const wal::SegmentEntry& other) { return is_same_segment(entry, other); });
}

/// Looks at every record, and that is all.
wal::Scanner::Callbacks only_checks() {
    return {.on_record = [](const wal::ScannedRecord&, const wal::ScannedSegment&) { return Status(); },
            .on_sealed_end = [](std::size_t) { return Status(); },
            .on_damage = [](const wal::Damage&) {},
            .on_progress = [](std::uint64_t, std::uint64_t) {}};
}

/// Reads what no hash vouches for as a log: it must hold every seq below the end.
Status check_copy(io::FileSystem& files, const std::string& folder, const wal::Manifest& manifest) {
    wal::Scanner scanner(files, folder + "/log", manifest, {.release_images = true, .read_only = true});
    RETURN_IF_ERROR(scanner.open_segments({}));
    std::size_t index = 0;
    for (;
         index < manifest.segments.size() && is_sealed(manifest.segments[index]) && has_hash(manifest.segments[index]);
         ++index) {
        const wal::SegmentEntry& entry = manifest.segments[index];
        scanner.pass_over(index, {.seq = entry.end_seq, .crc = entry.last_crc});
    }
    RETURN_IF_ERROR(scanner.scan(only_checks()));
    if (scanner.end_seq() >= manifest.durable_upto) return {};
    return base::fail(ErrorCode::kCorrupt, folder + ": the copy ends before what was durable when it was taken");
}

/// Files that the new manifest does not speak of.
Status remove_others(io::FileSystem& files, const std::string& log_directory, const wal::Manifest& manifest) {
    ASSIGN_OR_RETURN(const auto entries, files.list(log_directory));
    for (const io::DirectoryEntry& entry : entries) {
        const bool is_listed =
            std::any_of(manifest.segments.begin(), manifest.segments.end(),
                        [&](const wal::SegmentEntry& segment) { return name_of(segment) == entry.name; });
        if (!is_listed && !entry.is_directory) RETURN_IF_ERROR(files.remove_file(log_directory + "/" + entry.name));
    }
    return files.sync_directory(log_directory);
}

struct Place {
    std::string from, to;  ///< Folders of the database.
};

/// Copies the segments of `content` that `earlier` does not have, each under a temporary name until it is whole.
Status copy_segments(io::FileSystem& files, const Place& place, const Content& content,
                     const std::optional<wal::Manifest>& earlier, BackupReport& report, const OnProgress& on_progress) {
    const std::uint64_t total = content.total();
    std::uint64_t done = 0;
    const auto on_bytes = [&](std::uint64_t size) {
        done += size;
        if (on_progress) on_progress(done, total);
    };
    for (std::size_t i = 0; i < content.manifest.segments.size(); ++i) {
        const wal::SegmentEntry& entry = content.manifest.segments[i];
        const std::string name = name_of(entry);
        const std::uint64_t size = content.copied_size(i);
        ++report.segment_count;
        report.bytes += size;
        if (is_copied(earlier, entry)) {
            on_bytes(size);
            continue;
        }
        const std::string temporary = place.to + "/log/" + name + ".tmp";
        ASSIGN_OR_RETURN(const base::Sha256Digest digest,
                         copy_file(files, place.from + "/log/" + name, temporary, size, entry.file_size, on_bytes));
        const bool is_hashed_whole = is_sealed(entry) && has_hash(entry) && size == entry.end_offset;
        if (is_hashed_whole && digest != entry.sha256)
            return base::fail(ErrorCode::kCorrupt,
                              place.from + "/log/" + name + " does not match its hash; `chronos verify` says more");
        RETURN_IF_ERROR(files.rename(temporary, place.to + "/log/" + name));
        ++report.copied_segment_count;
        report.copied_bytes += size;
    }
    return files.sync_directory(place.to + "/log");
}

Result<std::optional<wal::Manifest>> earlier_backup(io::FileSystem& files, const std::string& target,
                                                    const Uuid& database) {
    ASSIGN_OR_RETURN(const std::string folder, find_database(files, target));
    if (folder.empty()) return std::optional<wal::Manifest>();
    if (folder.substr(folder.rfind('/') + 1) != database.to_string())
        return base::fail(ErrorCode::kAlreadyExists,
                          target + " holds a backup of another database; give another directory");
    Result<wal::Manifest> manifest = wal::read_manifest(files, folder);
    // The first backup here broke off before it had one.
    if (!manifest.ok() && manifest.error().code == ErrorCode::kNotFound) return std::optional<wal::Manifest>();
    if (!manifest.ok()) return std::move(manifest).error();
    return std::optional(std::move(*manifest));
}

/// A file that marks a directory as a backup: opening it as a store would make it one.
Status write_mark(io::FileSystem& files, const std::string& target) {
    ASSIGN_OR_RETURN(const bool is_marked, files.exists(target + "/BACKUP"));
    if (is_marked) return {};
    ASSIGN_OR_RETURN(const auto entries, files.list(target));
    const bool is_empty = std::all_of(entries.begin(), entries.end(),
                                      [](const io::DirectoryEntry& entry) { return entry.name == "LOCK"; });
    if (!is_empty)
        return base::fail(ErrorCode::kAlreadyExists,
                          target + " is not empty and no backup; give a new directory, or one of an earlier backup");
    ASSIGN_OR_RETURN(const auto file, files.open(target + "/BACKUP", io::OpenMode::kCreate));
    RETURN_IF_ERROR(file->sync());
    return files.sync_directory(target);
}

Status make_folder(io::FileSystem& files, const std::string& folder) {
    for (const std::string& path : {folder, folder + "/log"}) {
        ASSIGN_OR_RETURN(const bool exists, files.exists(path));
        if (!exists) RETURN_IF_ERROR(files.make_directory(path));
        RETURN_IF_ERROR(files.sync_directory(parent_of(path)));
    }
    return {};
}

/// What a restore that was broken off may have left in its target.
bool is_left_by_restore(const io::DirectoryEntry& entry) {
    if (!entry.is_directory) return entry.name == "LOCK";
    constexpr std::string_view kUnfinished = ".new";
    return entry.name.ends_with(kUnfinished) &&
           Uuid::parse(std::string_view(entry.name).substr(0, entry.name.size() - kUnfinished.size())).ok();
}

}  // namespace

Result<BackupReport> backup(io::Environment env, const wal::Log& log, const std::string& target,
                            const OnProgress& on_progress) {
    io::FileSystem& files = env.files;
    RETURN_IF_ERROR(make_directories(files, target));
    ASSIGN_OR_RETURN(const std::unique_ptr<io::FileLock> lock, files.lock(target + "/LOCK"));
    RETURN_IF_ERROR(write_mark(files, target));
    ASSIGN_OR_RETURN(const std::optional<wal::Manifest> earlier, earlier_backup(files, target, log.database()));
    const Place place{.from = log.directory(), .to = target + "/" + log.database().to_string()};
    RETURN_IF_ERROR(make_folder(files, place.to));
    // A segment may be replaced by a rewritten one while it is copied: then its file is gone, and the manifest says
    // why.
    Error last_error = base::fail(ErrorCode::kIo, "the log changed faster than it could be copied");
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
        const wal::DurableEnd end = log.durable_end();
        ASSIGN_OR_RETURN(wal::Manifest manifest, wal::read_manifest(files, place.from));
        std::optional<Content> content = content_upto(std::move(manifest), end);
        if (!content) continue;
        BackupReport report{.database = log.database(), .end_seq = content->manifest.durable_upto};
        Status copied = copy_segments(files, place, *content, earlier, report, on_progress);
        if (!copied.ok() && copied.error().code == ErrorCode::kNotFound) {
            last_error = std::move(copied).error();
            continue;
        }
        RETURN_IF_ERROR(copied);
        RETURN_IF_ERROR(check_copy(files, place.to, content->manifest));
        RETURN_IF_ERROR(wal::write_manifest(files, place.to, content->manifest));
        RETURN_IF_ERROR(remove_others(files, place.to + "/log", content->manifest));
        return report;
    }
    return last_error;
}

Result<BackupReport> restore(io::Environment env, const std::string& backup, const std::string& target,
                             const OnProgress& on_progress) {
    io::FileSystem& files = env.files;
    ASSIGN_OR_RETURN(const bool is_backup, files.exists(backup + "/BACKUP"));
    if (!is_backup) return base::fail(ErrorCode::kNotFound, backup + " holds no backup");
    ASSIGN_OR_RETURN(const std::unique_ptr<io::FileLock> source_lock, files.lock(backup + "/LOCK"));
    ASSIGN_OR_RETURN(const std::string folder, find_database(files, backup));
    if (folder.empty()) return base::fail(ErrorCode::kNotFound, backup + " holds a backup that was never finished");
    ASSIGN_OR_RETURN(wal::Manifest manifest, wal::read_manifest(files, folder));
    RETURN_IF_ERROR(make_directories(files, target));
    ASSIGN_OR_RETURN(const auto entries, files.list(target));
    if (!entries.empty()) {
        const bool is_left_over = std::all_of(entries.begin(), entries.end(), is_left_by_restore);
        return base::fail(ErrorCode::kAlreadyExists,
                          target + (is_left_over ? " holds what a restore that was broken off left; remove it, or give "
                                                   "a new directory"
                                                 : " is not empty; give a new directory"));
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<io::FileLock> lock, files.lock(target + "/LOCK"));

    // Under another name until it is whole: a folder that ends so is an unfinished creation.
    const Place place{.from = folder, .to = target + "/" + manifest.database.to_string() + ".new"};
    RETURN_IF_ERROR(make_folder(files, place.to));
    Content content{.manifest = manifest};
    if (!manifest.segments.empty()) content.last_size = manifest.segments.back().file_size;
    BackupReport report{.database = manifest.database, .end_seq = manifest.durable_upto};
    RETURN_IF_ERROR(copy_segments(files, place, content, std::nullopt, report, on_progress));
    wal::Scanner scanner(files, place.to + "/log", content.manifest, {.release_images = true, .read_only = true});
    RETURN_IF_ERROR(scanner.open_segments({}));
    RETURN_IF_ERROR(scanner.scan(only_checks()));
    if (scanner.end_seq() < manifest.durable_upto)
        return base::fail(ErrorCode::kCorrupt, backup + " ends before what its manifest says; it was changed since");
    ++content.manifest.store_epoch;
    RETURN_IF_ERROR(wal::write_manifest(files, place.to, content.manifest));
    RETURN_IF_ERROR(files.sync_directory(place.to));
    RETURN_IF_ERROR(files.rename(place.to, target + "/" + manifest.database.to_string()));
    RETURN_IF_ERROR(files.sync_directory(target));
    return report;
}

}  // namespace chronos::store
