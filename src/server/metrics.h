// What the server counts about itself, and its Prometheus text.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/duration_histogram.h"

namespace chronos::server {

class Metrics {
public:
    void count_request(std::string_view route, int status, std::int64_t ns);

    base::DurationHistogram append_seconds;  ///< From the request's last byte to the answer.
    base::DurationHistogram query_seconds;   ///< A page of events, made; or the first of a stream of them.
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
        base::DurationHistogram seconds;
    };
    mutable std::mutex mutex_;
    std::map<std::string, Route, std::less<>> routes_;  // guarded by mutex_
};

/// "# HELP" and "# TYPE" and the samples of a histogram, in seconds.
void write_histogram(std::string& out, std::string_view name, std::string_view help, const DurationCounts& durations);

/// "# HELP" and "# TYPE" and one sample.
void write_metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
                  std::uint64_t value);

}  // namespace chronos::server
