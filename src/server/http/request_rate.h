// How many requests a caller may make in a second: a bucket of tokens for each key, which fills steadily and holds
// those of two seconds.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace chronos::server {

class RequestRate {
public:
    /// 0: any number.
    explicit RequestRate(std::uint32_t requests_per_second) : per_second_(requests_per_second) {}

    /// Whether the caller may make one now, which then counts.
    bool admit(std::string_view caller, std::int64_t now_ns);

private:
    struct Bucket {
        double tokens = 0;
        std::int64_t filled_ns = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    const std::uint32_t per_second_;
    std::mutex mutex_;
    std::unordered_map<std::string, Bucket, Hash, std::equal_to<>> buckets_;  // guarded by mutex_; as many as keys
};

}  // namespace chronos::server
