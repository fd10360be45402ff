// Runs rows in turn and keeps what each repetition gave.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "peers/row.h"

namespace chronos::bench {

enum class RowStatus : std::uint8_t { kMeasured, kAbsent, kFailed };

struct MetricResult {
    std::string name;
    std::vector<double> values;  ///< One for each repetition, sorted.

    [[nodiscard]] double median() const;
};

struct RowResult {
    Row row;
    RowStatus status = RowStatus::kMeasured;
    std::string message;  ///< Why there is no figure.
    std::vector<MetricResult> metrics;
};

struct GroupResult {
    std::string title;
    std::string baseline;
    std::vector<RowResult> rows;

    /// How many times better than the baseline's median; 0 when there is none.
    [[nodiscard]] double ratio(const MetricResult& metric) const;
};

/// Every repetition runs each row of the group once. A row that fails is not run again. The group's
/// closures, and with them its stores, are gone afterwards.
GroupResult run_group(Group group, unsigned repetitions);

}  // namespace chronos::bench
