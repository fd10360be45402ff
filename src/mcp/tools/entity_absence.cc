#include "mcp/tools/entity_absence.h"

#include "base/result.h"
#include "mcp/tools/searched.h"

namespace chronos::mcp {

Result<ToolAnswer> entity_absent(const client::Endpoint& endpoint, const client::EndpointView& view,
                                 const std::string& branch, const State& state) {
    Json answer;
    answer["complete"] = true;
    answer["exists"] = false;
    answer["entity_id"] = shown_word(state.entity_id);
    answer["events_counted"] = 0;
    answer["exists_later"] = state.first_event_at.has_value();
    if (state.first_event_at) {
        answer["first_event_at"] = state.first_event_at->to_string();
        answer["note"] = "it is not there in this view; its first event occurred at first_event_at";
        ASSIGN_OR_RETURN(const auto head, endpoint.view({.branch = branch}));
        client::EventPage page;
        RETURN_IF_ERROR(head->read_entity(state.entity_id, {.limit = 1}, page));
        if (!page.events().empty()) {
            answer["first_recorded_at"] = page.events().front().recorded_at.to_string();
            answer["note"] =
                "it is not there in this view; its first event occurred at first_event_at, and the first was recorded "
                "at first_recorded_at";
        }
    } else {
        answer["note"] = "no event of this entity was ever recorded on this branch";
    }
    ASSIGN_OR_RETURN(answer["searched"], searched(view, Json::object()));
    answer["view"] = view_json(view.info());
    answer["untrusted"] = Json::object();
    if (!state.first_event_at) {
        ASSIGN_OR_RETURN(const auto head, endpoint.view({.branch = branch}));
        ASSIGN_OR_RETURN(answer["untrusted"]["did_you_mean"], similar_entities(*head, state.entity_id));
    }
    return answered(std::move(answer));
}

}  // namespace chronos::mcp
