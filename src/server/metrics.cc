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

}  // namespace

void Histogram::record(std::int64_t ns) {
    std::size_t bucket = 0;
    for (std::int64_t bound = kFirstNs; bucket < kBuckets && ns > bound; bound *= 2) ++bucket;
    counts_[bucket].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns, std::memory_order_relaxed);
}

void Histogram::write(std::string& out, std::string_view name, std::string_view labels) const {
    std::uint64_t total = 0;
    std::int64_t bound = kFirstNs;
    for (std::size_t i = 0; i <= kBuckets; ++i, bound *= 2) {
        total += counts_[i].load(std::memory_order_relaxed);
        const std::string edge = i == kBuckets ? "+Inf" : seconds_text(bound);
        out += std::string(name) + "_bucket" + with_label(labels, "le=\"" + edge + "\"") + " " + std::to_string(total) +
               "\n";
    }
    out += std::string(name) + "_sum" + with_label(labels, "") + " " +
           seconds_text(sum_ns_.load(std::memory_order_relaxed)) + "\n";
    out += std::string(name) + "_count" + with_label(labels, "") + " " + std::to_string(total) + "\n";
}

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
    out += "# HELP chronos_append_duration_seconds From the request to the durable answer.\n";
    out += "# TYPE chronos_append_duration_seconds histogram\n";
    append_seconds.write(out, "chronos_append_duration_seconds", "");
    const std::lock_guard lock(mutex_);
    out += "# HELP chronos_http_requests_total Requests by route and status.\n";
    out += "# TYPE chronos_http_requests_total counter\n";
    for (const auto& [name, route] : routes_) {
        for (const auto& [status, count] : route.by_status)
            out += "chronos_http_requests_total{route=\"" + name + "\",status=\"" + std::to_string(status) + "\"} " +
                   std::to_string(count) + "\n";
    }
    out += "# HELP chronos_http_request_duration_seconds From the request's head to its answer's end.\n";
    out += "# TYPE chronos_http_request_duration_seconds histogram\n";
    for (const auto& [name, route] : routes_)
        route.seconds.write(out, "chronos_http_request_duration_seconds", "route=\"" + name + "\"");
    return out;
}

void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                  std::uint64_t value) {
    const std::string text(name);
    out += "# HELP " + text + " " + std::string(help) + "\n# TYPE " + text + " " + std::string(type) + "\n" + text +
           " " + std::to_string(value) + "\n";
}

}  // namespace chronos::server
