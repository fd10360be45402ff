// Small values used across the public API: identifiers, times, durability.
//
// Threads: values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chronos/result.h"

namespace chronos {

/// A number with a meaning of its own; numbers of different meanings do not mix.
template <typename Tag>
struct StrongNumber {
    std::uint64_t value = 0;

    friend constexpr auto operator<=>(StrongNumber, StrongNumber) = default;
    constexpr StrongNumber operator+(std::uint64_t count) const { return {value + count}; }
    /// How many steps from `other` to this. Requires: other <= *this.
    constexpr std::uint64_t operator-(StrongNumber other) const { return value - other.value; }
};

/// 0-based, gap-free place of an event in the order of one branch.
using Position = StrongNumber<struct PositionTag>;
/// Number of an entity's event, the first is 1. 0 stands for "no event yet".
using Version = StrongNumber<struct VersionTag>;

/// Nanoseconds since 1970-01-01T00:00:00Z.
struct Timestamp {
    std::int64_t ns = 0;

    friend constexpr auto operator<=>(Timestamp, Timestamp) = default;

    /// RFC 3339 with any offset, up to nanoseconds; or a bare date, which is 00:00:00Z.
    ///
    /// Errors: kInvalidArgument for anything else, a time without offset included.
    static Result<Timestamp> parse(std::string_view text);
    /// RFC 3339 in UTC with as many decimals as the value needs: none, 3, 6 or 9.
    [[nodiscard]] std::string to_string() const;
};

struct Uuid {
    std::array<std::byte, 16> bytes{};

    friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;

    /// The 36 characters of RFC 9562, either case.
    static Result<Uuid> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] bool is_nil() const { return *this == Uuid{}; }
};

/// How often something took how long: in buckets that double, from 50 µs to 13 s, and one for what took longer.
struct DurationCounts {
    static constexpr std::size_t kBuckets = 19;
    static constexpr std::int64_t kFirstNs = 50'000;
    std::array<std::uint64_t, kBuckets + 1> counts{};
    std::int64_t sum_ns = 0;
};

/// How far an append got before it was answered.
enum class Durability : std::uint8_t {
    kDurable,  ///< Synced: survives the process, the system and a power cut.
    kOs,       ///< Handed to the operating system, synced within 100 ms: survives the process only.
    kMemory,   ///< Survives nothing; only in a store opened in memory mode.
};

std::string_view durability_name(Durability durability);

}  // namespace chronos
