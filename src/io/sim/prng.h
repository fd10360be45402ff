// A small generator of pseudo-random numbers: a copyable value, the same on every machine.
//
// Source:  SplitMix64 — Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014.
// Threads: a plain value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace chronos::io {

class Prng {
public:
    explicit Prng(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

    /// A number in `[0, count)`. Requires: `count` > 0.
    std::uint64_t below(std::uint64_t count) { return next() % count; }

    bool chance(double probability) { return static_cast<double>(next() >> 11U) * 0x1.0p-53 < probability; }

    void fill(std::span<std::byte> out) {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (i % sizeof(bits) == 0) bits = next();
            out[i] = static_cast<std::byte>(bits & 0xffU);
            bits >>= 8U;
        }
    }

private:
    std::uint64_t state_;
};

}  // namespace chronos::io
