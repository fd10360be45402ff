// Ids like one that is not there.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::wire {

/// Ids that begin with `prefix`, in order, at most `limit`.
using ListIds = std::function<Result<std::vector<std::string>>(std::string_view prefix, std::uint32_t limit)>;

/// At most `count_max`, nearest first: of those that begin like `id`, then like less and less of it. An id that is
/// there comes first.
///
/// Cost: looks at a thousand ids for each of four beginnings.
Result<std::vector<std::string>> nearest_ids(const ListIds& list, std::string_view id, std::size_t count_max);

}  // namespace chronos::wire
