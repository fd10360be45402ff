// The least that a store can be told to keep to.
//
// Threads: a constant.
#pragma once

#include <cstdint>

namespace chronos::embedded {

inline constexpr std::uint64_t kMemoryBudgetMin = std::uint64_t{16} << 20;

}  // namespace chronos::embedded
