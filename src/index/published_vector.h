// An append-only vector that readers use while one writer appends: elements never move.
//
// Threads: one appending thread at a time; `size` and elements below it from any thread without a lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "io/aligned_buffer.h"

namespace chronos::index {

/// Chunk k holds kFirst · 2^k elements, so 40 chunks hold more than any log.
/// T must be trivially copyable or an atomic, for which zero bytes are a valid value.
template <typename T, std::uint64_t kFirst = 4096>
class PublishedVector {
public:
    PublishedVector() = default;
    PublishedVector(const PublishedVector&) = delete;
    PublishedVector& operator=(const PublishedVector&) = delete;

    /// Elements that readers may use; pairs with the release in `publish`.
    [[nodiscard]] std::uint64_t size() const { return size_.load(std::memory_order_acquire); }

    T& operator[](std::uint64_t index) const {
        const std::uint64_t shifted = index / kFirst + 1;
        const unsigned chunk = static_cast<unsigned>(std::bit_width(shifted)) - 1;
        const std::uint64_t before = ((std::uint64_t{1} << chunk) - 1) * kFirst;
        return chunks_[chunk].load(std::memory_order_acquire)[index - before];
    }

    /// Room for element `index`, unpublished. Requires: the appending thread; index grows by one.
    T& prepare(std::uint64_t index) {
        const unsigned chunk = static_cast<unsigned>(std::bit_width(index / kFirst + 1)) - 1;
        if (chunk >= buffers_in_use_) {
            ASSERT(chunk < kChunks);
            buffers_[chunk] = io::AlignedBuffer((kFirst << chunk) * sizeof(T));
            chunks_[chunk].store(reinterpret_cast<T*>(buffers_[chunk].data()), std::memory_order_release);
            buffers_in_use_ = chunk + 1;
        }
        return (*this)[index];
    }
    /// Elements below `size` may be read from now on.
    void publish(std::uint64_t size) { size_.store(size, std::memory_order_release); }

    /// Prepares and publishes one more.
    void push_back(const T& value) {
        const std::uint64_t index = size_.load(std::memory_order_relaxed);
        prepare(index) = value;
        publish(index + 1);
    }

    /// One more element of zero bytes.
    void push_back_empty() {
        const std::uint64_t index = size_.load(std::memory_order_relaxed);
        prepare(index);
        publish(index + 1);
    }

private:
    static constexpr unsigned kChunks = 40;
    std::array<std::atomic<T*>, kChunks> chunks_{};
    std::array<io::AlignedBuffer, kChunks> buffers_{};
    unsigned buffers_in_use_ = 0;
    std::atomic<std::uint64_t> size_ = 0;
};

}  // namespace chronos::index
