#include "server/metrics.h"

#include "json/writer.h"

namespace chronos::server {
namespace {

std::string seconds_text(std::int64_t ns) {
    std::string out;
    json::append_double(out, static_cast<double>(ns) / 1e9);
    return out;
}

std::string with_label(std::string_view labels, const std::string& more) {
    std::string out = "{";
    out += labels;
    if (!labels.empty() && !more.empty()) out += ',';
    out += more + "}";
    return out == "{}" ? std::string() : out;
}

std::string head_of(std::string_view name, std::string_view type, std::string_view help) {
    const std::string text(name);
    return "# HELP " + text + " " + std::string(help) + "\n# TYPE " + text + " " + std::string(type) + "\n";
}

/// `labels`: `route="…"`, or empty.
void write_samples(std::string& out, std::string_view name, std::string_view labels, const DurationCounts& durations) {
    std::uint64_t total = 0;
    std::int64_t bound = DurationCounts::kFirstNs;
    for (std::size_t i = 0; i <= DurationCounts::kBuckets; ++i, bound *= 2) {
        total += durations.counts[i];
        const std::string edge = i == DurationCounts::kBuckets ? "+Inf" : seconds_text(bound);
        out += std::string(name) + "_bucket" + with_label(labels, "le=\"" + edge + "\"") + " " + std::to_string(total) +
               "\n";
    }
    out += std::string(name) + "_sum" + with_label(labels, "") + " " + seconds_text(durations.sum_ns) + "\n";
    out += std::string(name) + "_count" + with_label(labels, "") + " " + std::to_string(total) + "\n";
}

}  // namespace

void Metrics::count_request(std::string_view route, int status, std::int64_t ns) {
    const std::lock_guard lock(mutex_);
    auto found = routes_.find(route);
    if (found == routes_.end()) found = routes_.try_emplace(std::string(route)).first;
    ++found->second.by_status[status];
    found->second.seconds.record(ns);
}

std::string Metrics::text() const {
    std::string out;
    const auto gauge = [&out](std::string_view name, std::string_view help, auto value) {
        write_metric(out, name, "gauge", help, static_cast<std::uint64_t>(value < 0 ? 0 : value));
    };
    const auto counter = [&out](std::string_view name, std::string_view help, std::uint64_t value) {
        write_metric(out, name, "counter", help, value);
    };
    gauge("chronos_open_connections", "Open connections.", connections.load());
    gauge("chronos_live_streams", "Open live streams.", live_streams.load());
    counter("chronos_connections_total", "Connections accepted.", connections_total.load());
    counter("chronos_connections_refused_total", "Connections refused because there were too many.",
            connections_refused.load());
    counter("chronos_requests_refused_total", "Requests refused because there was too much to do.",
            requests_refused.load());
    counter("chronos_received_bytes_total", "Bytes read from clients.", received_bytes.load());
    counter("chronos_sent_bytes_total", "Bytes written to clients.", sent_bytes.load());
    write_histogram(out, "chronos_append_duration_seconds", "From the request to the durable answer.",
                    append_seconds.counts());
    write_histogram(out, "chronos_query_duration_seconds", "Pages of events, from the request to the answer.",
                    query_seconds.counts());
    const std::lock_guard lock(mutex_);
    out += head_of("chronos_http_requests_total", "counter", "Requests by route and status.");
    for (const auto& [name, route] : routes_) {
        for (const auto& [status, count] : route.by_status)
            out += "chronos_http_requests_total{route=\"" + name + "\",status=\"" + std::to_string(status) + "\"} " +
                   std::to_string(count) + "\n";
    }
    constexpr std::string_view kDuration = "chronos_http_request_duration_seconds";
    out += head_of(kDuration, "histogram", "From the request's head to its answer's end.");
    for (const auto& [name, route] : routes_)
        write_samples(out, kDuration, "route=\"" + name + "\"", route.seconds.counts());
    return out;
}

void write_histogram(std::string& out, std::string_view name, std::string_view help, const DurationCounts& durations) {
    out += head_of(name, "histogram", help);
    write_samples(out, name, "", durations);
}

void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                  std::uint64_t value) {
    out += head_of(name, type, help) + std::string(name) + " " + std::to_string(value) + "\n";
}

}  // namespace chronos::server
