// What agents can do with a store. For now it says where the store is and how far it has come; the tools proper take
// this file's place.
#include "chronos/store.h"
#include "client/endpoint.h"
#include "mcp/tool.h"

namespace chronos::mcp {
namespace {

ToolAnswer overview(const Json& /*arguments*/, const std::optional<std::string>& /*confirmed*/, CallContext& context) {
    const auto view = context.endpoint.view();
    if (!view.ok()) return {.text = view.error().message, .is_error = true};
    const auto stats = (*view)->stats();
    if (!stats.ok()) return {.text = stats.error().message, .is_error = true};
    return {.structured = {{"store", context.endpoint.name()}, {"events", stats->event_count}}};
}

}  // namespace

Catalog store_catalog() {
    Catalog catalog;
    catalog.instructions = "An event store: what happened to entities, as events in one log.";
    catalog.tools.push_back({.name = "overview",
                             .title = "Overview",
                             .description = "Which store this is and how many events it has",
                             .input_schema = {{"type", "object"}, {"additionalProperties", false}},
                             .output_schema = nullptr,
                             .is_idempotent = true,
                             .run = overview});
    return catalog;
}

}  // namespace chronos::mcp
