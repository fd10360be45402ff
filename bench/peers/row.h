// A row of the tables: one way to do one thing, measured once each time it is run.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace chronos::bench {

/// A name says its unit last: "events/s", "p99 us". Of what ends in "/s" more is better, of all
/// else less.
struct Metric {
    std::string name;
    double value = 0;
};

struct Row {
    /// "append/rocksdb": what `--rows` selects by.
    std::string name;
    /// What stands in the table beside the numbers.
    std::string what;
    /// When an append is answered, what has become of it.
    std::string durability;
    std::uint64_t n = 0;  ///< Events, or operations where the name says so.
    std::uint64_t k = 0;  ///< Entities.
    std::function<std::vector<Metric>()> run;
};

/// Rows that answer the same question; their repetitions take turns.
struct Group {
    std::string title;
    /// The row to which the others' ratios refer.
    std::string baseline;
    std::vector<Row> rows;
};

}  // namespace chronos::bench
