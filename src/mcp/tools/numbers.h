// Adding up numbers out of JSON as decimals: 0.1 + 0.2 is 0.3.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string_view>

#include "mcp/tool.h"

namespace chronos::mcp {

/// A sum that is exact up to nine decimals and about 1e27, and says so when it is not.
class DecimalSum {
public:
    /// Requires: `number` is a JSON number.
    void add(std::string_view number);
    [[nodiscard]] Json value() const;
    [[nodiscard]] double as_double() const;
    [[nodiscard]] bool is_exact() const { return is_exact_; }

private:
    __extension__ using Wide = __int128;

    Wide billionths_ = 0;
    double approximate_ = 0;
    bool is_exact_ = true;
};

}  // namespace chronos::mcp
