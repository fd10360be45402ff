#include "cache/image_file_writer.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::cache {
namespace {

std::string unfinished(const std::string& path) { return path + ".tmp"; }

}  // namespace

ImageFileWriter::ImageFileWriter(io::FileSystem& files, std::string directory, const std::string& name)
    : files_(files), directory_(std::move(directory)), path_(directory_ + "/" + name), buffer_(kPieceSize) {}

Result<std::unique_ptr<ImageFileWriter>> ImageFileWriter::create(io::FileSystem& files, std::string directory,
                                                                 const std::string& name) {
    std::unique_ptr<ImageFileWriter> writer(new ImageFileWriter(files, std::move(directory), name));
    const std::string path = unfinished(writer->path_);
    ASSIGN_OR_RETURN(const bool left_over, files.exists(path));
    if (left_over) RETURN_IF_ERROR(files.remove_file(path));
    ASSIGN_OR_RETURN(writer->file_, files.open(path, io::OpenMode::kCreate));
    return writer;
}

ImageFileWriter::~ImageFileWriter() {
    if (is_published_ || file_ == nullptr) return;
    file_.reset();
    (void)files_.remove_file(unfinished(path_));  // If even this fails, the next writer of the name removes it.
}

void ImageFileWriter::append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        if (used_ == kPieceSize) flush();
        const std::size_t size = std::min(bytes.size(), kPieceSize - used_);
        std::copy_n(bytes.data(), size, buffer_.data() + used_);
        used_ += size;
        bytes = bytes.subspan(size);
    }
}

void ImageFileWriter::pad_to(std::uint64_t alignment) {
    constexpr std::array<std::byte, kAlignmentMax> kZeros{};
    ASSERT(alignment <= kAlignmentMax);
    append(std::span(kZeros).first(base::round_up(offset(), alignment) - offset()));
}

void ImageFileWriter::flush() {
    const std::span<const std::byte> bytes = buffer_.span(0, used_);
    if (is_in_body_) {
        const std::vector<std::uint32_t> crcs = block_crcs_of(bytes);
        block_crcs_.insert(block_crcs_.end(), crcs.begin(), crcs.end());
    }
    if (status_.ok()) status_ = file_->write_at(flushed_, bytes);
    flushed_ += used_;
    used_ = 0;
}

const std::vector<std::uint32_t>& ImageFileWriter::end_body() {
    // The piece goes on with the resident part: only whole pieces are written before the end.
    const std::vector<std::uint32_t> crcs = block_crcs_of(buffer_.span(0, used_));
    block_crcs_.insert(block_crcs_.end(), crcs.begin(), crcs.end());
    is_in_body_ = false;
    return block_crcs_;
}

void ImageFileWriter::append_resident(std::span<const std::byte> bytes) {
    ASSERT(!is_in_body_);
    resident_crc_ = base::crc32c(bytes, resident_crc_);
    append(bytes);
}

Status ImageFileWriter::publish() {
    flush();
    RETURN_IF_ERROR(status_);
    RETURN_IF_ERROR(file_->sync());
    RETURN_IF_ERROR(files_.rename(unfinished(path_), path_));
    is_published_ = true;
    return files_.sync_directory(directory_);
}

}  // namespace chronos::cache
