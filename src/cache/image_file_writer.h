// A file of checked blocks on its way to disk, from front to back: what FileImage reads later, then what stays in
// memory.
//
//     append … | end_body | append_resident … | append (footer) | publish: sync, rename, sync of the folder
//
// The first error is kept and what follows is ignored, so callers look at `status` now and then. A file that was not
// published is removed by the destructor.
//
// Threads: one thread.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "cache/file_image.h"
#include "io/aligned_buffer.h"
#include "io/file_system.h"

namespace chronos::cache {

class ImageFileWriter {
public:
    /// Begins `<name>.tmp` in `directory`, in place of one that was left over.
    static Result<std::unique_ptr<ImageFileWriter>> create(io::FileSystem& files, std::string directory,
                                                           const std::string& name);
    ~ImageFileWriter();
    ImageFileWriter(const ImageFileWriter&) = delete;
    ImageFileWriter& operator=(const ImageFileWriter&) = delete;

    void append(std::span<const std::byte> bytes);
    template <typename T>
    void append_value(const T& value) {
        static_assert(std::has_unique_object_representations_v<T>);
        if (sizeof(T) > kPieceSize - used_) return append(std::as_bytes(std::span(&value, 1)));
        std::memcpy(buffer_.data() + used_, &value, sizeof(T));
        used_ += sizeof(T);
    }
    template <typename T>
    void append_values(std::span<const T> values) {
        static_assert(std::has_unique_object_representations_v<T>);
        append(std::as_bytes(values));
    }
    /// Zeros up to the next multiple of `alignment`, at most kAlignmentMax.
    void pad_to(std::uint64_t alignment);
    static constexpr std::uint64_t kAlignmentMax = 64;

    [[nodiscard]] std::uint64_t offset() const { return flushed_ + used_; }
    [[nodiscard]] const Status& status() const { return status_; }
    [[nodiscard]] const std::string& path() const { return path_; }

    /// What was appended so far is the body. Call once; returns the checksums of its blocks.
    const std::vector<std::uint32_t>& end_body();
    /// Appends what `resident_crc` covers. Requires: end_body was called.
    void append_resident(std::span<const std::byte> bytes);
    [[nodiscard]] std::uint32_t resident_crc() const { return resident_crc_; }

    /// Makes the file durable under its name.
    Status publish();

private:
    static constexpr std::size_t kPieceSize = std::size_t{1} << 20;
    static_assert(kPieceSize % kImageBlockSize == 0);

    ImageFileWriter(io::FileSystem& files, std::string directory, const std::string& name);
    void flush();

    io::FileSystem& files_;
    const std::string directory_;
    const std::string path_;
    std::unique_ptr<io::File> file_;
    io::AlignedBuffer buffer_;
    std::size_t used_ = 0;
    std::uint64_t flushed_ = 0;
    Status status_;
    bool is_in_body_ = true;
    bool is_published_ = false;
    std::vector<std::uint32_t> block_crcs_;
    std::uint32_t resident_crc_ = 0;
};

}  // namespace chronos::cache
