// The bytes of one index file on their way to disk, from front to back: what writing and merging
// share. Format: docs/formats/index.md.
//
//     head | sections of the body … | end_body | resident part … | finish: footer, sync, rename,
//     sync of the folder
//
// The first error is kept and what follows is ignored, so callers look at `status` now and then. A
// file that was not finished is removed by the destructor.
//
// Threads: one thread.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "index/id_filter.h"
#include "index/index_content.h"
#include "index/index_format.h"
#include "io/file_system.h"

namespace chronos::index {

/// What goes into the resident part beside the block checksums.
struct ResidentContent {
    std::span<const IndexedSegment> segments;
    std::span<const std::uint32_t> log_crcs;
    std::span<const IndexedRun> runs;
    std::span<const TimeStripe> stripes;
    const IdFilter* id_filter = nullptr;
    const IdFilter* batch_filter = nullptr;
};

class IndexFileWriter {
public:
    /// Begins `<name>.tmp` in `directory`, in place of one that was left over, with the head.
    static Result<std::unique_ptr<IndexFileWriter>> create(io::FileSystem& files, std::string directory,
                                                           std::string name);
    ~IndexFileWriter();
    IndexFileWriter(const IndexFileWriter&) = delete;
    IndexFileWriter& operator=(const IndexFileWriter&) = delete;

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
    /// Zeros up to where the next section begins.
    void end_section();

    [[nodiscard]] std::uint64_t offset() const { return flushed_ + used_; }
    [[nodiscard]] const Status& status() const { return status_; }

    /// Writes what follows the body and makes the file durable under its name. `footer` has the
    /// counts. Returns the path.
    Result<std::string> finish(IndexFooter footer, const ResidentContent& resident);

private:
    static constexpr std::size_t kPieceSize = std::size_t{1} << 20;
    static_assert(kPieceSize % cache::kImageBlockSize == 0);

    IndexFileWriter(io::FileSystem& files, std::string directory, std::string name);
    void flush();
    void end_body();
    void append_resident(std::span<const std::byte> bytes);
    Status publish();

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

}  // namespace chronos::index
