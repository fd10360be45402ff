// The budget for blocks of files in memory, and who has to give some back when it is exceeded.
//
// Takes blocks in the order of a clock (second chance): images in turn, blocks of an image in turn, passing over what
// was used since the hand last came by. Pinned images are passed over; the budget is exceeded rather than a reader
// failed.
//
// Threads: every method from any thread. Lock order: an image's load mutex, then this one's.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "cache/open_files.h"

namespace chronos::cache {

class FileImage;

class ImageCache {
public:
    explicit ImageCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
    ImageCache(const ImageCache&) = delete;
    ImageCache& operator=(const ImageCache&) = delete;

    void set_bytes_max(std::uint64_t bytes_max) { bytes_max_.store(bytes_max, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t bytes_max() const { return bytes_max_.load(std::memory_order_relaxed); }
    /// Bytes of blocks in memory that could be given back.
    [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t loads() const { return loads_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }

    /// The files that images are read from.
    [[nodiscard]] OpenFiles& open_files() { return open_files_; }
    [[nodiscard]] const OpenFiles& open_files() const { return open_files_; }

    /// Gives blocks back until the budget holds or nothing more can go.
    void trim();
    /// The same, after whoever is at it: when it returns, what is over the budget is pinned.
    void trim_waiting();

private:
    friend class FileImage;
    void add(FileImage& image);
    void remove(FileImage& image);
    void note_loaded(std::uint64_t bytes);
    void trim_locked();

    OpenFiles open_files_;
    std::atomic<std::uint64_t> bytes_max_;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::atomic<std::uint64_t> loads_ = 0;
    std::atomic<std::uint64_t> evictions_ = 0;
    std::mutex mutex_;
    std::vector<FileImage*> images_;  // guarded by mutex_
    std::size_t hand_ = 0;            // guarded by mutex_
};

}  // namespace chronos::cache
