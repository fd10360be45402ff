// Bounds over all connections: each of these takes up room as long as it lives.
//
// Threads: one for each object; the counts are shared.
#pragma once

#include <cstddef>
#include <string>

#include "server/http/connection.h"
#include "server/services.h"

namespace chronos::server {

/// One of a bounded number of uploads at once.
class UploadPlace {
public:
    explicit UploadPlace(Services& services) : services_(services), count_(services.uploads.fetch_add(1) + 1) {}
    ~UploadPlace() { services_.uploads.fetch_sub(1); }
    UploadPlace(const UploadPlace&) = delete;
    UploadPlace& operator=(const UploadPlace&) = delete;
    [[nodiscard]] bool is_beyond() const { return count_ > services_.limits.uploads_max; }

private:
    Services& services_;
    std::size_t count_;
};

/// Counts a connection as long as it lives.
class Place {
public:
    Place(ConnectionContext& context, const std::string& address) : context_(context), address_(address) {
        context_.services.metrics.connections.fetch_add(1);
        context_.services.metrics.connections_total.fetch_add(1);
        const std::lock_guard lock(context_.mutex);
        of_address_ = ++context_.by_address[address_];
    }
    ~Place() {
        context_.services.metrics.connections.fetch_sub(1);
        const std::lock_guard lock(context_.mutex);
        const auto found = context_.by_address.find(address_);
        if (--found->second == 0) context_.by_address.erase(found);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    [[nodiscard]] bool is_beyond(const HttpLimits& limits, bool is_loopback) const {
        return static_cast<std::size_t>(context_.services.metrics.connections.load()) > limits.connections_max ||
               (!is_loopback && of_address_ > limits.connections_per_address_max);
    }

private:
    ConnectionContext& context_;
    std::string address_;
    std::size_t of_address_ = 0;
};

}  // namespace chronos::server
