#include "mcp/tools/view_end.h"

#include <algorithm>

#include "base/result.h"
#include "mcp/tools/request.h"

namespace chronos::mcp {

Result<Timestamp> end_of(const client::EndpointView& view, const ViewOptions& options,
                         const std::optional<Timestamp>& last_occurred_at, const std::optional<Timestamp>& given_now) {
    const Timestamp latest = std::min(given_now.value_or(now()), now());
    if (options.as_of) return std::min(*options.as_of, latest);
    if (options.known_at) return std::min(*options.known_at, latest);
    if (given_now) return latest;
    if (options.at) {
        client::EventPage page;
        RETURN_IF_ERROR(view.read({.order = Order::kBackward, .limit = 1}, page));
        if (!page.events().empty()) return std::min(page.events().front().recorded_at, latest);
    }
    const Timestamp second = std::min(this_second(), latest);
    const bool is_of_this_second = last_occurred_at && second < *last_occurred_at && *last_occurred_at <= latest;
    return is_of_this_second ? *last_occurred_at : second;
}

}  // namespace chronos::mcp
