// Metrics as a server tells them, read back. Format: Prometheus text exposition format 0.0.4, what of it Chronos
// writes.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chronos/result.h"

namespace chronos::app {

/// Counts of a histogram, by the upper bound of their bucket in seconds; each includes those below.
struct Histogram {
    std::vector<std::pair<double, double>> buckets;

    [[nodiscard]] double count() const { return buckets.empty() ? 0 : buckets.back().second; }
    /// What came since `before`.
    [[nodiscard]] Histogram since(const Histogram& before) const;
    /// Upper bound, in seconds, of the bucket that holds this fraction of all; 0 when there are none.
    [[nodiscard]] double quantile(double fraction) const;
};

class Metrics {
public:
    /// Errors: kInvalidArgument — a line that is none.
    static Result<Metrics> parse(std::string_view text);

    /// 0 when it is not there.
    [[nodiscard]] double value(const std::string& name) const;
    /// The values of `name` by its label `label`, those that differ in others added up.
    [[nodiscard]] std::map<std::string, double> by_label(const std::string& name, const std::string& label) const;
    /// The same of histograms.
    [[nodiscard]] std::map<std::string, Histogram> histograms(const std::string& name, const std::string& label) const;
    /// One without labels.
    [[nodiscard]] Histogram histogram(const std::string& name) const;

private:
    struct Sample {
        std::map<std::string, std::string> labels;
        double value = 0;
    };
    std::multimap<std::string, Sample> samples_;
};

}  // namespace chronos::app
