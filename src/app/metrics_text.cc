#include "app/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/result.h"

namespace chronos::app {
namespace {

std::optional<double> number(std::string_view text) {
    if (text == "+Inf") return std::numeric_limits<double>::infinity();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Takes `name="value",…}` off the front of a line, behind its brace. False: it is something else.
bool take_labels(std::string_view& line, std::map<std::string, std::string>& labels) {
    while (!line.empty() && line[0] != '}') {
        const auto equals = line.find("=\"");
        if (equals == std::string_view::npos) return false;
        std::string& value = labels[std::string(line.substr(0, equals))];
        line.remove_prefix(equals + 2);
        while (!line.empty() && line[0] != '"') {
            if (line[0] == '\\' && line.size() > 1) {
                line.remove_prefix(1);
                value += line[0] == 'n' ? '\n' : line[0];
            } else {
                value += line[0];
            }
            line.remove_prefix(1);
        }
        if (line.empty()) return false;
        line.remove_prefix(1);
        if (line.starts_with(',')) line.remove_prefix(1);
    }
    if (line.empty()) return false;
    line.remove_prefix(1);
    return true;
}

std::string label_of(const std::map<std::string, std::string>& labels, const std::string& name) {
    const auto found = labels.find(name);
    return found == labels.end() ? std::string() : found->second;
}

}  // namespace

Histogram Histogram::since(const Histogram& before) const {
    Histogram difference = *this;
    for (std::size_t i = 0; i < difference.buckets.size() && i < before.buckets.size(); ++i)
        difference.buckets[i].second = std::max(0.0, difference.buckets[i].second - before.buckets[i].second);
    return difference;
}

double Histogram::quantile(double fraction) const {
    const double wanted = count() * fraction;
    if (count() == 0) return 0;
    double bound = 0;
    for (const auto& [upper, upto] : buckets) {
        // Beyond the last bound nothing is known but that it was more.
        if (upper != std::numeric_limits<double>::infinity()) bound = upper;
        if (upto >= wanted) break;
    }
    return bound;
}

Result<Metrics> Metrics::parse(std::string_view text) {
    Metrics metrics;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty() || line[0] == '#') continue;
        const std::string all(line);
        const std::string name(line.substr(0, line.find_first_of("{ ")));
        line.remove_prefix(name.size());
        Sample sample;
        const bool has_labels = line.starts_with('{');
        if (has_labels) line.remove_prefix(1);
        if (has_labels && !take_labels(line, sample.labels))
            return base::fail(ErrorCode::kInvalidArgument, "a metric cannot be read: " + all.substr(0, 100));
        if (line.starts_with(' ')) line.remove_prefix(1);
        const auto value = number(line.substr(0, line.find(' ')));
        if (!value || name.empty())
            return base::fail(ErrorCode::kInvalidArgument, "a metric cannot be read: " + all.substr(0, 100));
        sample.value = *value;
        metrics.samples_.emplace(name, std::move(sample));
    }
    return metrics;
}

double Metrics::value(const std::string& name) const {
    const auto found = samples_.find(name);
    return found == samples_.end() ? 0 : found->second.value;
}

std::map<std::string, double> Metrics::by_label(const std::string& name, const std::string& label) const {
    std::map<std::string, double> values;
    const auto [begin, end] = samples_.equal_range(name);
    for (auto at = begin; at != end; ++at) values[label_of(at->second.labels, label)] += at->second.value;
    return values;
}

std::map<std::string, Histogram> Metrics::histograms(const std::string& name, const std::string& label) const {
    std::map<std::string, Histogram> found;
    const auto [begin, end] = samples_.equal_range(name + "_bucket");
    for (auto at = begin; at != end; ++at) {
        const auto upper = number(label_of(at->second.labels, "le"));
        if (upper) found[label_of(at->second.labels, label)].buckets.emplace_back(*upper, at->second.value);
    }
    for (auto& [value, histogram] : found) std::sort(histogram.buckets.begin(), histogram.buckets.end());
    return found;
}

Histogram Metrics::histogram(const std::string& name) const {
    const auto all = histograms(name, "");
    return all.empty() ? Histogram() : all.begin()->second;
}

}  // namespace chronos::app
