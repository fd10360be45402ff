#include "app/absence.h"

#include <string_view>
#include <utility>
#include <vector>

#include "app/read_options.h"
#include "base/result.h"
#include "client/nearest_entities.h"

namespace chronos::app {
namespace {

constexpr std::size_t kNearestMax = 5;

/// "; it first appears at position 3, recorded 2026-01-01T00:00:00Z, occurred …".
Result<std::string> first_appearance(const client::EndpointView& head, const State& state) {
    client::EventPage page;
    RETURN_IF_ERROR(head.read_entity(state.entity_id, {.limit = 1}, page));
    if (page.events().empty()) return "; its first event is of " + state.first_event_at->to_string();
    const EventView& first = page.events().front();
    std::string text = "; it first appears at position " + std::to_string(first.position.value) + ", recorded " +
                       first.recorded_at.to_string() + ", occurred " + first.occurred_at.to_string();
    if (*state.first_event_at < first.occurred_at)
        text += "; the earliest that is known of it occurred " + state.first_event_at->to_string();
    return text;
}

Result<std::string> told(const client::Endpoint& store, const ViewOptions& options, const State& state) {
    ASSIGN_OR_RETURN(const auto pinned, store.view({.branch = options.branch}));
    const client::EndpointView& head = *pinned;
    if (state.first_event_at) {
        ASSIGN_OR_RETURN(const std::string appearance, first_appearance(head, state));
        return "there is no entity " + state.entity_id + view_text(options) + appearance;
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> nearest,
                     client::nearest_entities(head, state.entity_id, kNearestMax));
    std::string text = "there is no entity " + state.entity_id + ": no event of " + state.entity_id + ", ever";
    for (const std::string& id : nearest) text += (&id == &nearest.front() ? "; nearest ids: " : ", ") + id;
    return text;
}

}  // namespace

Error entity_not_there(const client::Endpoint& store, const ViewOptions& options, const State& state) {
    Result<std::string> message = told(store, options, state);
    if (!message.ok()) return std::move(message).error();
    return base::fail(ErrorCode::kNotFound, std::move(message).value());
}

}  // namespace chronos::app
