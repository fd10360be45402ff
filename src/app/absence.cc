#include "app/absence.h"

#include <string_view>
#include <utility>
#include <vector>

#include "app/read_options.h"
#include "base/result.h"
#include "wire/similar_words.h"

namespace chronos::app {
namespace {

constexpr std::size_t kNearestMax = 5;
/// Entities compared for each beginning of the id that is tried.
constexpr std::uint32_t kCandidatesMax = 1'000;

/// Entities with ids like this one: among those that begin like it, then among fewer and fewer of its characters.
Result<std::vector<std::string>> nearest_entities(const client::EndpointView& view, std::string_view id) {
    std::vector<std::string> nearest;
    for (const std::size_t kept : {id.size(), id.size() * 3 / 4, id.size() / 2, std::size_t{0}}) {
        ASSIGN_OR_RETURN(std::vector<std::string> candidates, view.entities(id.substr(0, kept), "", kCandidatesMax));
        candidates.insert(candidates.end(), nearest.begin(), nearest.end());
        nearest = wire::similar_words(id, candidates, kNearestMax);
        if (nearest.size() == kNearestMax) break;
    }
    return nearest;
}

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
    ASSIGN_OR_RETURN(const std::vector<std::string> nearest, nearest_entities(head, state.entity_id));
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
