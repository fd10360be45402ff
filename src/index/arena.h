// Memory that is only ever given out: small pieces from large blocks, freed together.
//
// Threads: one allocating thread at a time; what was given out is plain memory.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string_view>
#include <vector>

#include "io/aligned_buffer.h"

namespace chronos::index {

class Arena {
public:
    /// `size` bytes aligned to `alignment` (a power of two up to 4096), zero at first.
    std::byte* allocate(std::size_t size, std::size_t alignment) {
        std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
        if (blocks_.empty() || at + size > blocks_.back().size()) {
            const std::size_t block = std::max(size, next_block_size_);
            next_block_size_ = std::min(next_block_size_ * 2, kBlockSizeMax);
            blocks_.emplace_back(block);
            bytes_.fetch_add(block, std::memory_order_relaxed);
            at = 0;
        }
        used_ = at + size;
        return blocks_.back().data() + at;
    }

    /// A copy of `text` that lives as long as the arena.
    std::string_view intern(std::string_view text) {
        std::byte* copy = allocate(text.size(), 1);
        std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), copy);
        return {reinterpret_cast<const char*>(copy), text.size()};
    }

    [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t kBlockSizeMax = std::size_t{8} << 20;
    std::size_t next_block_size_ = std::size_t{64} << 10;
    std::size_t used_ = 0;
    std::vector<io::AlignedBuffer> blocks_;
    std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace chronos::index
