#include "server/http/request_rate.h"

#include <algorithm>

namespace chronos::server {

bool RequestRate::admit(std::string_view caller, std::int64_t now_ns) {
    if (per_second_ == 0) return true;
    constexpr double kBurstSeconds = 2;
    const double full = kBurstSeconds * per_second_;
    const std::lock_guard lock(mutex_);
    auto found = buckets_.find(caller);
    if (found == buckets_.end())
        found = buckets_.emplace(std::string(caller), Bucket{.tokens = full, .filled_ns = now_ns}).first;
    Bucket& bucket = found->second;
    const double passed = static_cast<double>(std::max<std::int64_t>(0, now_ns - bucket.filled_ns)) / 1e9;
    bucket.tokens = std::min(full, bucket.tokens + passed * per_second_);
    bucket.filled_ns = std::max(bucket.filled_ns, now_ns);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
}

}  // namespace chronos::server
