// Counts a live stream as long as it lives, and says when there are too many.
//
// Threads: any.
#pragma once

#include <utility>

#include "base/result.h"
#include "server/services.h"

namespace chronos::server {

class LiveCount {
public:
    /// Errors: kWouldBlock — there are as many as may be.
    static Result<LiveCount> take(Services& services) {
        LiveCount count(services.metrics);
        if (static_cast<std::size_t>(services.metrics.live_streams.load()) > services.limits.live_streams_max)
            return base::fail(ErrorCode::kWouldBlock,
                              "there are as many live streams as the server allows; end one, or raise live_streams");
        return count;
    }
    ~LiveCount() {
        if (metrics_ != nullptr) metrics_->live_streams.fetch_sub(1);
    }
    LiveCount(LiveCount&& other) noexcept : metrics_(std::exchange(other.metrics_, nullptr)) {}
    LiveCount& operator=(LiveCount&&) = delete;

private:
    explicit LiveCount(Metrics& metrics) : metrics_(&metrics) { metrics.live_streams.fetch_add(1); }

    Metrics* metrics_;
};

}  // namespace chronos::server
