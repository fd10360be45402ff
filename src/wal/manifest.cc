#include "wal/manifest.h"

#include <cstring>
#include <unordered_set>

#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"

namespace chronos::wal {
namespace {

struct ManifestHeader {
    char magic[8] = {'C', 'H', 'R', 'O', 'N', 'M', 'A', 'N'};
    std::uint32_t format_version = kManifestVersion;
    std::uint32_t crc = 0;
    std::uint32_t file_size = 0;
    std::uint32_t writer_epoch = 0;
    Uuid database;
    std::uint64_t generation = 0;
    std::uint64_t durable_upto = 0;
    std::uint32_t store_epoch = 0;
    std::uint32_t segment_count = 0;
    std::array<std::byte, 16> secret{};
    std::array<std::byte, 16> zero{};
};
static_assert(sizeof(ManifestHeader) == 96 && offsetof(ManifestHeader, secret) == 64);

constexpr std::uint32_t kSegmentNumberMax = 0xFFFF'0000;
constexpr std::uint64_t kSegmentFileSizeMax = std::uint64_t{4} << 30;
constexpr std::size_t kManifestSizeMax = std::size_t{64} << 20;

std::vector<std::byte> encode(const Manifest& manifest) {
    ManifestHeader header;
    header.writer_epoch = manifest.writer_epoch;
    header.database = manifest.database;
    header.generation = manifest.generation;
    header.durable_upto = manifest.durable_upto;
    header.store_epoch = manifest.store_epoch;
    header.segment_count = static_cast<std::uint32_t>(manifest.segments.size());
    header.secret = manifest.secret;
    const std::size_t size = sizeof(header) + manifest.segments.size() * sizeof(SegmentEntry);
    header.file_size = static_cast<std::uint32_t>(size);

    std::vector<std::byte> bytes(size);
    base::store(bytes.data(), header);
    for (std::size_t i = 0; i < manifest.segments.size(); ++i)
        base::store(bytes.data() + sizeof(header) + i * sizeof(SegmentEntry), manifest.segments[i]);
    base::store(bytes.data() + offsetof(ManifestHeader, crc),
                base::crc32c(std::span<const std::byte>(bytes).subspan(16)));
    return bytes;
}

/// Whether an entry is one that this version could have written.
bool is_sound(const SegmentEntry& entry) {
    if (entry.state != SegmentState::kOpen && entry.state != SegmentState::kSealed) return false;
    if (entry.number == 0 || entry.number > kSegmentNumberMax || entry.file_size % io::kBlockSize != 0) return false;
    if (entry.file_size < 2 * io::kBlockSize || entry.file_size > kSegmentFileSizeMax) return false;
    if (entry.state == SegmentState::kOpen) return entry.revision == 0 && entry.removals_block == 0;
    if (entry.end_offset < io::kBlockSize || entry.end_offset > entry.file_size || entry.first_seq > entry.end_seq)
        return false;
    if (entry.revision == 0) return entry.removals_block == 0;
    return entry.revision <= kRevisionMax && (entry.flags & SegmentEntry::kHasSha256) != 0 &&
           entry.end_offset == entry.file_size && entry.removals_block > 0 && entry.records_end() < entry.end_offset;
}

Result<Manifest> decode(std::span<const std::byte> bytes, const std::string& path) {
    const auto damaged = [&](const char* what) { return base::fail(ErrorCode::kCorrupt, path + ": " + what); };
    if (bytes.size() < sizeof(ManifestHeader)) return damaged("cut off");
    const auto header = base::load<ManifestHeader>(bytes.data());
    const ManifestHeader expected;
    if (std::memcmp(header.magic, expected.magic, sizeof(header.magic)) != 0) return damaged("not a manifest");
    if (header.format_version != kManifestVersion)
        return base::fail(ErrorCode::kUnsupported,
                          path + ": format " + std::to_string(header.format_version) + ", this version reads format 1");
    if (base::crc32c(bytes.subspan(16)) != header.crc) return damaged("does not match its checksum");
    if (header.file_size != bytes.size() ||
        bytes.size() != sizeof(header) + std::size_t{header.segment_count} * sizeof(SegmentEntry))
        return damaged("has the wrong size");

    Manifest manifest;
    manifest.writer_epoch = header.writer_epoch;
    manifest.database = header.database;
    manifest.generation = header.generation;
    manifest.durable_upto = header.durable_upto;
    manifest.store_epoch = header.store_epoch;
    manifest.secret = header.secret;
    std::unordered_set<std::uint32_t> numbers;
    for (std::uint32_t i = 0; i < header.segment_count; ++i) {
        const auto entry = base::load<SegmentEntry>(bytes.data() + sizeof(header) + i * sizeof(SegmentEntry));
        if (!is_sound(entry) || !numbers.insert(entry.number).second) return damaged("lists a segment that cannot be");
        manifest.segments.push_back(entry);
    }
    return manifest;
}

}  // namespace

Status write_manifest(io::FileSystem& files, const std::string& directory, Manifest& manifest) {
    ++manifest.generation;
    const std::string path = directory + "/MANIFEST";
    const std::string unfinished = path + ".tmp";
    ASSIGN_OR_RETURN(const bool left_over, files.exists(unfinished));
    if (left_over) RETURN_IF_ERROR(files.remove_file(unfinished));
    ASSIGN_OR_RETURN(auto file, files.open(unfinished, io::OpenMode::kCreate));
    RETURN_IF_ERROR(file->write_at(0, encode(manifest)));
    if (!base::is_planted(base::Bug::kManifestNotSynced)) RETURN_IF_ERROR(file->sync());
    RETURN_IF_ERROR(files.rename(unfinished, path));
    if (base::is_planted(base::Bug::kManifestNameNotSynced)) return {};
    return files.sync_directory(directory);
}

Result<Manifest> read_manifest(io::FileSystem& files, const std::string& directory) {
    const std::string path = directory + "/MANIFEST";
    ASSIGN_OR_RETURN(auto file, files.open(path, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
    if (size > kManifestSizeMax) return base::fail(ErrorCode::kCorrupt, path + ": has the wrong size");
    std::vector<std::byte> bytes(size);
    ASSIGN_OR_RETURN(const std::size_t got, file->read_at(0, bytes));
    bytes.resize(got);
    return decode(bytes, path);
}

}  // namespace chronos::wal
