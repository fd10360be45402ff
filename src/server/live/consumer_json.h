// What is shown of a durable consumer.
//
// Threads: free functions.
#pragma once

#include <optional>
#include <string>

#include "server/live/consumer_registry.h"

namespace chronos::server {

/// The end of a consumer's branch.
struct ConsumerHead {
    bool is_gone = false;  ///< The fork has ended.
    std::optional<Position> position;
};
ConsumerHead head_of(const Store& store, const ConsumerInfo& info);
/// How many events of the branch, matching or not, it has not acknowledged.
std::uint64_t lag_of(const ConsumerInfo& info, const ConsumerHead& head);

std::string consumer_as_json(const ConsumerInfo& info, const ConsumerHead& head);

/// Prometheus text: position and lag of each.
std::string consumer_metrics(const Store& store, const std::vector<ConsumerInfo>& consumers);

}  // namespace chronos::server
