#include "index/index_file_writer.h"

#include "base/assert.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::index {

Result<std::unique_ptr<IndexFileWriter>> IndexFileWriter::create(io::FileSystem& files, std::string directory,
                                                                 const std::string& name) {
    ASSIGN_OR_RETURN(auto out, cache::ImageFileWriter::create(files, std::move(directory), name));
    out->append_value(IndexHead{});
    return std::unique_ptr<IndexFileWriter>(new IndexFileWriter(std::move(out)));
}

Result<std::string> IndexFileWriter::finish(IndexFooter footer, const ResidentContent& resident) {
    footer.segment_count = resident.segments.size();
    footer.log_crc_count = resident.log_crcs.size();
    footer.run_count = resident.runs.size();
    const std::optional<IndexLayout> layout = layout_of(footer);
    if (!layout || layout->file_size > kIndexFileSizeMax)
        return base::fail(ErrorCode::kLimitExceeded, out_->path() + ": too much for one index file");
    ASSERT(layout->body_size == offset() && layout->stripes.count == resident.stripes.size());
    out_->append_resident(std::as_bytes(std::span(out_->end_body())));
    out_->append_resident(std::as_bytes(resident.segments));
    out_->append_resident(std::as_bytes(resident.log_crcs));
    out_->append_resident(std::as_bytes(resident.runs));
    out_->append_resident(std::as_bytes(resident.stripes));
    out_->append_resident(resident.id_filter->bytes());
    out_->append_resident(resident.batch_filter->bytes());

    footer.resident_crc = out_->resident_crc();
    footer.file_size = layout->file_size;
    std::array<std::byte, sizeof(footer)> bytes{};
    base::store(bytes.data(), footer);
    base::store(bytes.data() + offsetof(IndexFooter, crc),
                base::crc32c(std::span(bytes).subspan(offsetof(IndexFooter, resident_crc))));
    append(bytes);
    ASSERT(offset() == footer.file_size);
    RETURN_IF_ERROR(out_->publish());
    return out_->path();
}

}  // namespace chronos::index
