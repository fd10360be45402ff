// A filter over hashes: tells most of those that were not added, and never denies one that was. One
// cache line a question. Format: docs/formats/index.md § 3.
//
// Source:  Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters", 2009
// (blocked). Threads: a plain value.
#pragma once

#include <cstdint>
#include <span>

#include "index/index_format.h"
#include "io/aligned_buffer.h"

namespace chronos::index {

class IdFilter {
public:
    IdFilter() = default;
    /// Of `entries` hashes, none added yet.
    explicit IdFilter(std::uint64_t entries) : lines_(filter_lines(entries)), memory_(lines_ * kFilterLineSize) {}

    void add(std::uint64_t hash) {
        std::uint64_t* line = this->line(hash);
        for_each_bit(hash, [&](std::uint64_t bit) {
            line[bit / 64] |= std::uint64_t{1} << (bit % 64);
            return true;
        });
    }
    /// False: `hash` was not added.
    [[nodiscard]] bool may_hold(std::uint64_t hash) const {
        if (lines_ == 0) return false;
        const std::uint64_t* line = this->line(hash);
        return for_each_bit(hash, [&](std::uint64_t bit) { return (line[bit / 64] >> (bit % 64) & 1) != 0; });
    }

    /// Brings near what may_hold looks at; for groups of questions.
    void prefetch(std::uint64_t hash) const {
        if (lines_ != 0) __builtin_prefetch(line(hash));
    }

    [[nodiscard]] std::span<std::byte> bytes() { return memory_.span(0, memory_.size()); }
    [[nodiscard]] std::span<const std::byte> bytes() const { return memory_.span(0, memory_.size()); }

private:
    static constexpr int kBitsPerHash = 7;

    /// Calls `use` with each bit of `hash` until it returns false; returns whether none did.
    template <typename Use>
    static bool for_each_bit(std::uint64_t hash, Use&& use) {
        std::uint64_t bits = ((hash ^ (hash >> 32)) * 0x9E37'79B9'7F4A'7C15U) >> 1;
        for (int i = 0; i < kBitsPerHash; ++i, bits >>= 9)
            if (!use(bits & 511)) return false;
        return true;
    }
    [[nodiscard]] std::uint64_t line_offset(std::uint64_t hash) const {
        // hash · lines / 2⁶⁴, in two halves.
        const std::uint64_t high = (hash >> 32) * lines_;
        const std::uint64_t low = (hash & 0xFFFF'FFFF) * lines_;
        return ((high + (low >> 32)) >> 32) * kFilterLineSize;
    }
    std::uint64_t* line(std::uint64_t hash) {
        return reinterpret_cast<std::uint64_t*>(memory_.data() + line_offset(hash));
    }
    [[nodiscard]] const std::uint64_t* line(std::uint64_t hash) const {
        return reinterpret_cast<const std::uint64_t*>(memory_.data() + line_offset(hash));
    }

    std::uint64_t lines_ = 0;
    io::AlignedBuffer memory_;
};

}  // namespace chronos::index
