// A file's bytes at one fixed address, of which blocks come and go: what every reader of an immutable file uses.
//
//     address space:  |block 0|block 1|   …   |block n|      reserved once, as large as the file
//     memory:         |███████|       |   …   |███████|      loaded on demand, checked once on load, given back under a
//     budget
//
// An image begins whole (the appender fills it) or empty (the file was there). Once `make_evictable` has told where the
// bytes can be had again, the cache may take blocks away, but never while the image is pinned.
//
// Threads: every method from any thread, except `make_evictable`, which is called once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chronos/result.h"
#include "io/aligned_buffer.h"
#include "io/file_system.h"

namespace chronos::cache {

/// What is loaded, checked and given back at once.
inline constexpr std::size_t kImageBlockSize = std::size_t{16} << 10;

class ImageCache;

/// Checksums of the blocks of a file: made once, then shared by all who compare with them.
class BlockCrcs {
public:
    BlockCrcs() = default;
    BlockCrcs(std::vector<std::uint32_t> crcs)
        : crcs_(std::make_shared<const std::vector<std::uint32_t>>(std::move(crcs))) {}

    [[nodiscard]] std::size_t size() const { return crcs_ == nullptr ? 0 : crcs_->size(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    std::uint32_t operator[](std::size_t block) const { return (*crcs_)[block]; }
    [[nodiscard]] std::span<const std::uint32_t> span() const {
        return crcs_ == nullptr ? std::span<const std::uint32_t>() : std::span(*crcs_);
    }

private:
    std::shared_ptr<const std::vector<std::uint32_t>> crcs_;
};

/// Where an image's bytes can be read again, and what they must be.
struct ImageSource {
    io::File* file = nullptr;  ///< Outlives the image.
    std::string name;          ///< For errors: "log/000003.log".
    std::uint64_t size = 0;    ///< Bytes covered by checksums; the last block may be short.
    BlockCrcs block_crcs;      ///< CRC32C of each block of kImageBlockSize bytes.
};

/// CRC32C of each block of `bytes`.
std::vector<std::uint32_t> block_crcs_of(std::span<const std::byte> bytes);

class FileImage {
public:
    /// Whole from the start, and staying so until `make_evictable`.
    explicit FileImage(io::AlignedBuffer memory);
    /// Nothing loaded yet.
    FileImage(ImageCache& cache, ImageSource source);
    ~FileImage();
    FileImage(const FileImage&) = delete;
    FileImage& operator=(const FileImage&) = delete;

    /// From now on blocks may be taken away. Requires: the first `source.size` bytes will not change.
    void make_evictable(ImageCache& cache, ImageSource source);
    [[nodiscard]] bool is_evictable() const { return is_evictable_.load(std::memory_order_acquire); }
    /// Everything is loaded and stays so while pinned. Requires: pinned.
    [[nodiscard]] bool is_whole() const { return is_whole_.load(std::memory_order_acquire); }

    /// For errors. Requires: evictable.
    [[nodiscard]] const std::string& name() const { return source_.name; }

    /// The fixed address. Only what was loaded under a pin that is still held may be read.
    [[nodiscard]] const std::byte* data() const { return memory_.data(); }
    [[nodiscard]] std::byte* data() { return memory_.data(); }
    [[nodiscard]] std::uint64_t size() const { return memory_.size(); }
    /// Makes memory for bytes that will be filled soon. Requires: not evictable.
    void touch(std::uint64_t offset, std::uint64_t size) { memory_.touch(offset, size); }

    /// While pinned nothing that is loaded goes away.
    void pin() {
        if ((gate_.fetch_add(1) & kEvicting) != 0) pin_slowly();
    }
    void unpin() { gate_.fetch_sub(1, std::memory_order_release); }
    /// A moment old, unless nobody can pin it any more.
    [[nodiscard]] bool is_pinned() const { return (gate_.load(std::memory_order_acquire) & ~kEvicting) != 0; }

    /// Whether [begin, end) can be read now. Requires: pinned.
    [[nodiscard]] bool is_loaded(std::uint64_t begin, std::uint64_t end) const {
        return is_whole_.load(std::memory_order_acquire) || (end <= source_.size && are_blocks_loaded(begin, end));
    }
    /// Reads what of [begin, end) is missing from the file. Requires: pinned.
    ///
    /// Errors: kCorrupt naming file and offset; kIo.
    Status load(std::uint64_t begin, std::uint64_t end) {
        if (is_loaded(begin, end)) return {};
        return load_blocks(begin, end);
    }

    /// Bytes in memory that could be given back.
    [[nodiscard]] std::uint64_t loaded_bytes() const { return loaded_bytes_.load(std::memory_order_relaxed); }

private:
    friend class ImageCache;
    static constexpr std::uint32_t kEvicting = 1U << 31;

    void pin_slowly();
    [[nodiscard]] bool are_blocks_loaded(std::uint64_t begin, std::uint64_t end) const;
    Status load_blocks(std::uint64_t begin, std::uint64_t end);
    Status load_block(std::uint64_t block);
    /// Gives up to `bytes_wanted` back, unless pinned; blocks used since the last call stay once.
    std::uint64_t evict(std::uint64_t bytes_wanted);

    io::AlignedBuffer memory_;
    ImageSource source_;
    ImageCache* cache_ = nullptr;
    std::atomic<std::uint32_t> gate_ = 0;  // pins, and kEvicting
    std::atomic<bool> is_whole_ = false;
    std::atomic<bool> is_evictable_ = false;  // released when source_ is there for good
    std::atomic<std::uint64_t> loaded_bytes_ = 0;
    /// One bit per block: loaded (release after its bytes, acquire by readers), used (a hint).
    std::unique_ptr<std::atomic<std::uint64_t>[]> loaded_, used_;
    std::uint64_t hand_ = 0;  // the evictor's
    std::mutex load_mutex_;
};

/// Pins an image as long as it lives.
class ImagePin {
public:
    explicit ImagePin(FileImage& image) : image_(&image) { image.pin(); }
    ~ImagePin() { image_->unpin(); }
    ImagePin(const ImagePin&) = delete;
    ImagePin& operator=(const ImagePin&) = delete;

private:
    FileImage* image_;
};

}  // namespace chronos::cache
