// What the server counts about itself, and its Prometheus text.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace chronos::server {

/// How long things took: counts in buckets that double, from 50 µs to 13 s.
class Histogram {
public:
    void record(std::int64_t ns);
    /// Lines of Prometheus' text format. `labels`: `route="…"`, or empty.
    void write(std::string& out, std::string_view name, std::string_view labels) const;

private:
    static constexpr std::size_t kBuckets = 19;
    static constexpr std::int64_t kFirstNs = 50'000;
    std::array<std::atomic<std::uint64_t>, kBuckets + 1> counts_{};
    std::atomic<std::int64_t> sum_ns_ = 0;
};

class Metrics {
public:
    void count_request(std::string_view route, int status, std::int64_t ns);

    Histogram append_seconds;  ///< From the request's last byte to the answer.
    std::atomic<std::int64_t> connections = 0;
    std::atomic<std::uint64_t> connections_total = 0;
    std::atomic<std::uint64_t> connections_refused = 0;
    std::atomic<std::uint64_t> requests_refused = 0;  ///< 503 because of too much work.
    std::atomic<std::int64_t> live_streams = 0;
    std::atomic<std::uint64_t> received_bytes = 0;
    std::atomic<std::uint64_t> sent_bytes = 0;

    /// All but what stands in the stores.
    [[nodiscard]] std::string text() const;

private:
    struct Route {
        std::map<int, std::uint64_t> by_status;
        Histogram seconds;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Route, std::less<>> routes_;  // guarded by mutex_
};

/// "# HELP" and "# TYPE" and one sample.
void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                  std::uint64_t value);

}  // namespace chronos::server
