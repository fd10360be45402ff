#include "cache/image_cache.h"

#include <algorithm>

#include "cache/file_image.h"

namespace chronos::cache {

void ImageCache::add(FileImage& image) {
    const std::lock_guard lock(mutex_);
    images_.push_back(&image);
    bytes_.fetch_add(image.loaded_bytes(), std::memory_order_relaxed);
}

void ImageCache::remove(FileImage& image) {
    const std::lock_guard lock(mutex_);
    std::erase(images_, &image);
    bytes_.fetch_sub(image.loaded_bytes(), std::memory_order_relaxed);
}

void ImageCache::note_loaded(std::uint64_t bytes) {
    loads_.fetch_add(1, std::memory_order_relaxed);
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes > bytes_max()) trim();
}

void ImageCache::trim() {
    if (bytes() <= bytes_max()) return;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) trim_locked();  // Else somebody else is at it.
}

void ImageCache::trim_waiting() {
    const std::lock_guard lock(mutex_);
    trim_locked();
}

/// Requires: mutex_.
void ImageCache::trim_locked() {
    // A little more than needed, so that not every load has to trim.
    const std::uint64_t goal = bytes_max() - bytes_max() / 32;
    // Twice around: the first time may only clear the marks of use.
    for (std::size_t turns = 2 * images_.size(); turns > 0 && bytes() > goal; --turns) {
        if (hand_ >= images_.size()) hand_ = 0;
        const std::uint64_t given = images_[hand_++]->evict(bytes() - goal);
        bytes_.fetch_sub(given, std::memory_order_relaxed);
        evictions_.fetch_add(given / kImageBlockSize, std::memory_order_relaxed);
    }
}

}  // namespace chronos::cache
