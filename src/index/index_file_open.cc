// Opening an index file: what is small is read and checked, of the rest only that it has room.
// Format: docs/formats/index.md.
#include "base/checksum.h"
#include "base/result.h"
#include "index/index_file_parts.h"

namespace chronos::index {
namespace {

using Parts = IndexFile::Parts;

Status read_exactly(const Parts& parts, std::uint64_t offset, std::span<std::byte> out) {
    ASSIGN_OR_RETURN(const std::size_t got, parts.file->read_at(offset, out));
    return got == out.size() ? Status() : parts.corrupt("is cut off");
}

template <typename T>
Status read_value(const Parts& parts, std::uint64_t offset, T& value) {
    std::array<std::byte, sizeof(T)> bytes{};
    RETURN_IF_ERROR(read_exactly(parts, offset, bytes));
    value = base::load<T>(bytes.data());
    return {};
}

Status check_head(const Parts& parts) {
    IndexHead head;
    const IndexHead expected;
    RETURN_IF_ERROR(read_value(parts, 0, head));
    if (head.magic != expected.magic) return parts.corrupt("is not an index file");
    if (head.format_version != kIndexFormatVersion)
        return base::fail(ErrorCode::kUnsupported, parts.path + ": format " + std::to_string(head.format_version) +
                                                       ", this version reads format 1");
    return head.zero == expected.zero ? Status() : parts.corrupt("has a damaged head");
}

Status read_footer(Parts& parts, std::uint64_t file_size, const Uuid& database) {
    std::array<std::byte, sizeof(IndexFooter)> bytes{};
    RETURN_IF_ERROR(read_exactly(parts, file_size - sizeof(IndexFooter), bytes));
    parts.footer = base::load<IndexFooter>(bytes.data());
    const IndexFooter& footer = parts.footer;
    const std::uint32_t crc = base::crc32c(std::span(bytes).subspan(offsetof(IndexFooter, resident_crc)));
    if (footer.magic != IndexFooter().magic || footer.crc != crc)
        return parts.corrupt("has no end that matches its checksum");
    if (footer.database != database) return parts.corrupt("is of another database");
    const std::optional<IndexLayout> layout = layout_of(footer);
    if (!layout || footer.file_size != file_size || layout->file_size != file_size)
        return parts.corrupt("does not have the size that its counts give");
    parts.layout = *layout;
    return {};
}

/// Reads the next piece of the resident part.
Status read_resident(const Parts& parts, const Section& section, std::span<std::byte> out, std::uint32_t& crc) {
    RETURN_IF_ERROR(read_exactly(parts, section.offset, out));
    crc = base::crc32c(out, crc);
    return {};
}
template <typename T>
Status read_resident(const Parts& parts, const Section& section, std::vector<T>& out, std::uint32_t& crc) {
    out.resize(section.count);
    return read_resident(parts, section, std::as_writable_bytes(std::span(out)), crc);
}

Status read_resident(Parts& parts) {
    const IndexLayout& layout = parts.layout;
    std::uint32_t crc = 0;
    std::vector<std::uint32_t> block_crcs;
    RETURN_IF_ERROR(read_resident(parts, layout.block_crcs, block_crcs, crc));
    parts.block_crcs = std::move(block_crcs);
    RETURN_IF_ERROR(read_resident(parts, layout.segments, parts.segments, crc));
    RETURN_IF_ERROR(read_resident(parts, layout.log_crcs, parts.log_crcs, crc));
    RETURN_IF_ERROR(read_resident(parts, layout.runs, parts.runs, crc));
    RETURN_IF_ERROR(read_resident(parts, layout.stripes, parts.stripes, crc));
    parts.id_filter = IdFilter(layout.ids.count);
    RETURN_IF_ERROR(read_resident(parts, layout.id_filter, parts.id_filter.bytes(), crc));
    parts.batch_filter = IdFilter(layout.batches.count);
    RETURN_IF_ERROR(read_resident(parts, layout.batch_filter, parts.batch_filter.bytes(), crc));
    return crc == parts.footer.resident_crc ? Status()
                                            : parts.corrupt("has a list of segments that does not match its checksum");
}

/// The segments fill [begin_seq, end_seq), and their checksums the table of them.
Status check_segments(const Parts& parts) {
    const auto gap = [&] { return parts.corrupt("has segments that do not follow each other"); };
    if (parts.segments.empty()) return gap();
    std::uint64_t next_seq = parts.footer.begin_seq;
    std::uint64_t next_crc = 0;
    for (const IndexedSegment& segment : parts.segments) {
        if (segment.first_seq != next_seq || segment.end_seq < next_seq || segment.first_block_crc != next_crc)
            return gap();
        next_seq = segment.end_seq;
        const std::uint64_t blocks =
            segment.end_offset / cache::kImageBlockSize + (segment.end_offset % cache::kImageBlockSize == 0 ? 0 : 1);
        if (blocks > parts.log_crcs.size() - next_crc) return gap();
        next_crc += blocks;
    }
    return next_seq == parts.footer.end_seq && next_crc == parts.log_crcs.size() ? Status() : gap();
}

/// The runs fill [begin_seq, end_seq).
Status check_runs(const Parts& parts) {
    std::uint64_t next_seq = parts.footer.begin_seq;
    for (const IndexedRun& run : parts.runs) {
        if (run.first_seq != next_seq || run.zero != 0 || run.count == 0 || run.count > parts.footer.end_seq - next_seq)
            return parts.corrupt("has runs that do not follow each other");
        next_seq += run.count;
    }
    return next_seq == parts.footer.end_seq ? Status() : parts.corrupt("has runs that do not reach its end");
}

}  // namespace

Result<std::shared_ptr<IndexFile>> IndexFile::open(io::FileSystem& files, cache::ImageCache& cache,
                                                   const std::string& path, const Uuid& database) {
    auto parts = std::make_unique<Parts>();
    parts->path = path;
    ASSIGN_OR_RETURN(auto file, files.open(path, io::OpenMode::kRead));
    parts->file = std::make_unique<cache::ColdFile>(cache.open_files(), files, path, std::move(file));
    ASSIGN_OR_RETURN(const std::uint64_t size, parts->file->size());
    if (size < sizeof(IndexHead) + sizeof(IndexFooter) || size > kIndexFileSizeMax)
        return parts->corrupt("has a size that no index file has");
    RETURN_IF_ERROR(check_head(*parts));
    RETURN_IF_ERROR(read_footer(*parts, size, database));
    RETURN_IF_ERROR(read_resident(*parts));
    RETURN_IF_ERROR(check_segments(*parts));
    RETURN_IF_ERROR(check_runs(*parts));
    parts->cache = &cache;
    parts->image = std::make_unique<cache::FileImage>(
        cache,
        cache::ImageSource{
            .file = parts->file.get(), .name = path, .size = parts->layout.body_size, .block_crcs = parts->block_crcs});
    return std::make_shared<IndexFile>(std::move(parts));
}

}  // namespace chronos::index
