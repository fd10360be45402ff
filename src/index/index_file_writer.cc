#include "index/index_file_writer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::index {
namespace {

std::string unfinished(const std::string& path) { return path + ".tmp"; }

}  // namespace

IndexFileWriter::IndexFileWriter(io::FileSystem& files, std::string directory, std::string name)
    : files_(files), directory_(std::move(directory)), path_(directory_ + "/" + name), buffer_(kPieceSize) {}

Result<std::unique_ptr<IndexFileWriter>> IndexFileWriter::create(io::FileSystem& files, std::string directory,
                                                                 std::string name) {
    std::unique_ptr<IndexFileWriter> writer(new IndexFileWriter(files, std::move(directory), std::move(name)));
    const std::string path = unfinished(writer->path_);
    ASSIGN_OR_RETURN(const bool left_over, files.exists(path));
    if (left_over) RETURN_IF_ERROR(files.remove_file(path));
    ASSIGN_OR_RETURN(writer->file_, files.open(path, io::OpenMode::kCreate));
    writer->append_value(IndexHead{});
    return writer;
}

IndexFileWriter::~IndexFileWriter() {
    if (is_published_ || file_ == nullptr) return;
    file_.reset();
    (void)files_.remove_file(unfinished(path_));  // If even this fails, the next writer of the name removes it.
}

void IndexFileWriter::append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (used_ == kPieceSize) flush();
        const std::size_t size = std::min(bytes.size(), kPieceSize - used_);
        std::copy_n(bytes.data(), size, buffer_.data() + used_);
        used_ += size;
        bytes = bytes.subspan(size);
    }
}

void IndexFileWriter::end_section() {
    constexpr std::array<std::byte, kSectionAlignment> kZeros{};
    append(std::span(kZeros).first(base::round_up(offset(), kSectionAlignment) - offset()));
}

void IndexFileWriter::flush() {
    const std::span<const std::byte> bytes = buffer_.span(0, used_);
    if (is_in_body_) {
        const std::vector<std::uint32_t> crcs = cache::block_crcs_of(bytes);
        block_crcs_.insert(block_crcs_.end(), crcs.begin(), crcs.end());
    }
    if (status_.ok()) status_ = file_->write_at(flushed_, bytes);
    flushed_ += used_;
    used_ = 0;
}

void IndexFileWriter::end_body() {
    // The piece goes on with the resident part: only whole pieces are written before the end.
    const std::vector<std::uint32_t> crcs = cache::block_crcs_of(buffer_.span(0, used_));
    block_crcs_.insert(block_crcs_.end(), crcs.begin(), crcs.end());
    is_in_body_ = false;
}

void IndexFileWriter::append_resident(std::span<const std::byte> bytes) {
    resident_crc_ = base::crc32c(bytes, resident_crc_);
    append(bytes);
}

Result<std::string> IndexFileWriter::finish(IndexFooter footer, const ResidentContent& resident) {
    footer.segment_count = resident.segments.size();
    footer.log_crc_count = resident.log_crcs.size();
    footer.run_count = resident.runs.size();
    const std::optional<IndexLayout> layout = layout_of(footer);
    if (!layout || layout->file_size > kIndexFileSizeMax)
        return base::fail(ErrorCode::kLimitExceeded, path_ + ": too much for one index file");
    ASSERT(layout->body_size == offset() && layout->stripes.count == resident.stripes.size());
    end_body();
    append_resident(std::as_bytes(std::span(block_crcs_)));
    append_resident(std::as_bytes(resident.segments));
    append_resident(std::as_bytes(resident.log_crcs));
    append_resident(std::as_bytes(resident.runs));
    append_resident(std::as_bytes(resident.stripes));
    append_resident(resident.id_filter->bytes());
    append_resident(resident.batch_filter->bytes());

    footer.resident_crc = resident_crc_;
    footer.file_size = layout->file_size;
    std::array<std::byte, sizeof(footer)> bytes{};
    base::store(bytes.data(), footer);
    base::store(bytes.data() + offsetof(IndexFooter, crc),
                base::crc32c(std::span(bytes).subspan(offsetof(IndexFooter, resident_crc))));
    append(bytes);
    flush();
    ASSERT(flushed_ == footer.file_size);
    RETURN_IF_ERROR(status_);
    RETURN_IF_ERROR(publish());
    return path_;
}

Status IndexFileWriter::publish() {
    RETURN_IF_ERROR(file_->sync());
    RETURN_IF_ERROR(files_.rename(unfinished(path_), path_));
    is_published_ = true;
    return files_.sync_directory(directory_);
}

}  // namespace chronos::index
