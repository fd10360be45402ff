#include "wal/segment.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/planted_bug.h"
#include "base/result.h"

namespace chronos::wal {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// Returns how far the file was written through.
Result<std::uint64_t> fill(io::File& file, const SegmentHeader& header, std::uint64_t zeroed_size) {
    ASSIGN_OR_RETURN(const bool has_space, file.allocate(header.file_size));
    if (!has_space) RETURN_IF_ERROR(file.truncate(header.file_size));
    const std::uint64_t zeroed_upto = has_space ? std::min(zeroed_size, header.file_size) : header.file_size;
    RETURN_IF_ERROR(write_zeros(file, 0, zeroed_upto));
    RETURN_IF_ERROR(write_segment_header(file, header));
    return zeroed_upto;
}

}  // namespace

std::string segment_file_name(const SegmentFileId& id) {
    char name[48];
    if (id.revision == 0) {
        std::snprintf(name, sizeof(name), "%06u.log", id.number);
    } else {
        std::snprintf(name, sizeof(name), "%06u-%u.log", id.number, id.revision);
    }
    return name;
}

std::optional<SegmentFileId> parse_segment_file_name(std::string_view name) {
    constexpr std::string_view kSuffix = ".log";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    const std::string_view stem = name.substr(0, name.size() - kSuffix.size());
    const std::size_t dash = stem.find('-');
    const auto number = parse_number(stem.substr(0, dash));
    const auto revision = dash == std::string_view::npos ? std::optional(0U) : parse_number(stem.substr(dash + 1));
    if (!number || !revision) return std::nullopt;
    const SegmentFileId id{.number = *number, .revision = *revision};
    // Only what segment_file_name makes, so that a name is never taken for that of another file.
    return segment_file_name(id) == name ? std::optional(id) : std::nullopt;
}

std::uint64_t segment_size_for(std::uint64_t prepared_before, std::uint64_t size_min, std::uint64_t size_max) {
    std::uint64_t size = size_min;
    for (std::uint64_t i = 0; i < prepared_before && size < size_max; ++i) size *= 4;
    return std::min(size, size_max);
}

Status write_zeros(io::File& file, std::uint64_t begin, std::uint64_t end) {
    const io::AlignedBuffer zeros(std::min<std::uint64_t>(kZeroPieceSize, end - begin));
    for (std::uint64_t at = begin; at < end; at += zeros.size())
        RETURN_IF_ERROR(file.write_durable_at(at, zeros.span(0, std::min<std::uint64_t>(zeros.size(), end - at))));
    return {};
}

std::vector<std::byte> encode_segment_header(const SegmentHeader& header) {
    std::vector<std::byte> block(kSegmentHeaderSize);
    base::store(block.data(), header);
    const std::uint32_t crc = base::crc32c(std::span<const std::byte>(block).subspan(16));
    base::store(block.data() + offsetof(SegmentHeader, crc), crc);
    return block;
}

Status write_segment_header(io::File& file, const SegmentHeader& header) {
    RETURN_IF_ERROR(file.write_at(0, encode_segment_header(header)));
    return file.sync();
}

Result<CreatedSegment> create_segment(io::Environment& env, const std::string& log_directory,
                                      const SegmentHeader& header, std::uint64_t zeroed_size) {
    const std::string path = log_directory + "/" + segment_file_name({header.number, header.revision});
    const std::string unfinished = path + ".tmp";
    ASSIGN_OR_RETURN(const bool left_over, env.files.exists(unfinished));
    if (left_over) RETURN_IF_ERROR(env.files.remove_file(unfinished));
    ASSIGN_OR_RETURN(auto file, env.files.open(unfinished, io::OpenMode::kCreate));
    const auto zeroed_upto = fill(*file, header, zeroed_size);
    if (!zeroed_upto.ok()) {
        file.reset();
        (void)env.files.remove_file(unfinished);  // Gives the space back; the first error is the one to tell.
        (void)env.files.sync_directory(log_directory);
        return zeroed_upto.error();
    }
    RETURN_IF_ERROR(env.files.rename(unfinished, path));
    if (!base::is_planted(base::Bug::kNoDirectorySync)) RETURN_IF_ERROR(env.files.sync_directory(log_directory));
    return CreatedSegment{.file = std::move(file), .zeroed_upto = *zeroed_upto};
}

Result<SegmentHeader> read_segment_header(io::File& file, const std::string& name) {
    std::vector<std::byte> block(kSegmentHeaderSize);
    ASSIGN_OR_RETURN(const std::size_t size, file.read_at(0, block));
    const auto header = base::load<SegmentHeader>(block.data());
    const SegmentHeader expected;
    if (size != block.size() || std::memcmp(header.magic, expected.magic, sizeof(header.magic)) != 0)
        return base::fail(ErrorCode::kCorrupt, name + ": not a segment file");
    if (header.format_version != kSegmentFormatVersion)
        return base::fail(ErrorCode::kUnsupported,
                          name + ": format " + std::to_string(header.format_version) + ", this version reads format 1");
    if (base::crc32c(std::span<const std::byte>(block).subspan(16)) != header.crc)
        return base::fail(ErrorCode::kCorrupt, name + ": segment header at offset 0 is damaged");
    return header;
}

}  // namespace chronos::wal
