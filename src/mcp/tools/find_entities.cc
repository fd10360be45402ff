// The tool find_entities: from a part of a name, or from what happened to them, to the ids of entities.
#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "client/nearest_entities.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/request.h"
#include "mcp/tools/schema.h"
#include "mcp/tools/searched.h"
#include "mcp/tools/shown.h"
#include "mcp/tools/tool_list.h"

namespace chronos::mcp {
namespace {

constexpr std::uint64_t kLimitDefault = 20;
constexpr std::uint64_t kLimitMax = 200;
/// Ids looked through for a part in the middle, and events looked through for a filter.
constexpr std::size_t kIdsMax = 20'000;
constexpr std::size_t kEventsMax = 100'000;
constexpr std::uint32_t kPage = 1'000;

struct Request {
    ViewOptions view;
    Filter filter;
    bool has_filter = false;
    std::string text, prefix, after;
    std::size_t limit = kLimitDefault;
    std::size_t bytes_max = 0;
};

struct Found {
    std::string id;
    std::uint64_t matches = 0;  ///< Events that match the filter; 0 without one.
};

struct Search {
    std::vector<Found> found;       ///< Of this page, at most as many as were asked for.
    std::uint64_t count = 0;        ///< Of all there are.
    std::string_view how;           ///< What the ids have to do with the question.
    bool has_more = false;          ///< Behind the last one.
    bool was_cut_off = false;       ///< Not everything was looked at: there may be more than `count`.
    std::vector<std::string> near;  ///< Spelled nearly so, where nothing was found.
};

Result<Request> take_request(const Json& arguments) {
    Request request;
    ASSIGN_OR_RETURN(wire::Parameters parameters, parameters_of(arguments));
    request.has_filter = false;
    for (const auto& [name, value] : arguments.items()) {
        static constexpr std::array<std::string_view, 9> kFilters{
            "event_type",     "event_type_prefix", "tag",  "where", "since", "until",
            "occurred_since", "occurred_until",    "actor"};
        if (std::find(kFilters.begin(), kFilters.end(), name) != kFilters.end()) request.has_filter = true;
    }
    ASSIGN_OR_RETURN(request.view, take_view(parameters));
    ASSIGN_OR_RETURN(request.filter, take_filter(parameters));
    ASSIGN_OR_RETURN(request.text, parameters.take_text("text"));
    ASSIGN_OR_RETURN(request.prefix, parameters.take_text("prefix"));
    if (request.prefix.empty()) request.prefix = request.filter.entity_id_prefix;
    request.filter.entity_id_prefix = request.prefix;
    ASSIGN_OR_RETURN(const std::string after, parameters.take_text("after"));
    ASSIGN_OR_RETURN(request.after, entity_at(after));
    ASSIGN_OR_RETURN(const auto limit, parameters.take_number("limit"));
    if (limit && (*limit == 0 || *limit > kLimitMax))
        return base::fail(ErrorCode::kInvalidArgument, "limit is 1 to 200; for more go on with the cursor");
    request.limit = limit.value_or(kLimitDefault);
    ASSIGN_OR_RETURN(request.bytes_max, take_budget(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

/// Shows all ids with the prefix behind `after` to `see`; answers whether these were all of them.
Result<bool> look_at_ids(const client::EndpointView& view, const std::string& prefix, std::string after,
                         const std::function<void(const std::string&)>& see) {
    for (std::size_t looked_at = 0; looked_at < kIdsMax; looked_at += kPage) {
        ASSIGN_OR_RETURN(const auto ids, view.entities(prefix, after, kPage));
        for (const std::string& id : ids) see(id);
        if (ids.size() < kPage) return true;
        after = ids.back();
    }
    return false;
}

Result<Search> listed(const client::EndpointView& view, const Request& request) {
    Search search{.how = request.prefix.empty() ? "all, by id" : "ids with the prefix"};
    ASSIGN_OR_RETURN(const auto ids,
                     view.entities(request.prefix, request.after, static_cast<std::uint32_t>(request.limit) + 1));
    for (const std::string& id : ids) {
        if (search.found.size() == request.limit)
            search.has_more = true;
        else
            search.found.push_back({.id = id});
    }
    if (!search.has_more && request.after.empty()) {
        search.count = search.found.size();
    } else {
        ASSIGN_OR_RETURN(const bool are_all,
                         look_at_ids(view, request.prefix, "", [&](const std::string&) { ++search.count; }));
        search.was_cut_off = !are_all;
    }
    return search;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

/// Ids that are spelled nearly like the text, of those with the prefix.
Result<std::vector<std::string>> near_ids(const client::EndpointView& view, const Request& request) {
    constexpr std::size_t kTriedMax = 50;
    constexpr std::size_t kNearMax = 10;
    ASSIGN_OR_RETURN(std::vector<std::string> near, client::nearest_entities(view, request.text, kTriedMax));
    std::erase_if(near, [&request](const std::string& id) { return !id.starts_with(request.prefix); });
    if (near.size() > kNearMax) near.resize(kNearMax);
    return near;
}

/// Leaves the page: what stands behind the entity that was the last one of the page before.
void keep_page(Search& search, const Request& request) {
    search.count = search.found.size();
    if (!request.after.empty()) {
        const auto last = std::find_if(search.found.begin(), search.found.end(),
                                       [&](const Found& found) { return found.id == request.after; });
        search.found.erase(search.found.begin(), last == search.found.end() ? last : std::next(last));
    }
    search.has_more = search.found.size() > request.limit;
    if (search.has_more) search.found.resize(request.limit);
}

/// Ids that hold the text, the ones that begin with it first; without any, ids that are spelled nearly so.
Result<Search> by_text(const client::EndpointView& view, const Request& request) {
    Search search{.how = "ids that hold the text"};
    std::vector<Found> inside;
    const std::string wanted = lower(request.text);
    const auto see = [&](const std::string& id) {
        const std::size_t at = lower(id).find(wanted);
        if (at == std::string::npos) return;
        (at == 0 ? search.found : inside).push_back({.id = id});
    };
    ASSIGN_OR_RETURN(const bool are_all, look_at_ids(view, request.prefix, "", see));
    search.was_cut_off = !are_all;
    search.found.insert(search.found.end(), inside.begin(), inside.end());
    keep_page(search, request);
    if (search.count > 0) return search;
    ASSIGN_OR_RETURN(search.near, near_ids(view, request));
    search.how = search.near.empty() ? "no id holds the text, and none is spelled nearly so"
                                     : "no id holds the text; these are spelled nearly so";
    return search;
}

/// Entities of the events that match, the ones with most of them first.
Result<Search> by_events(const client::EndpointView& view, const Request& request, const CallContext& context) {
    Search search{.how = "entities with an event that matches, most matches first; current state is not looked at"};
    std::map<std::string, std::uint64_t, std::less<>> matches;
    ReadOptions options{.filter = request.filter, .limit = kPage};
    client::EventPage page;
    std::size_t looked_at = 0;
    const std::string wanted = lower(request.text);
    do {
        RETURN_IF_ERROR(check_not_cancelled(context));
        RETURN_IF_ERROR(view.read(options, page));
        for (const EventView& event : page.events()) {
            const bool holds_text = wanted.empty() || lower(event.entity_id).find(wanted) != std::string::npos;
            if (!event.entity_id.empty() && holds_text) ++matches[std::string(event.entity_id)];
        }
        looked_at += page.events().size();
        options.cursor = page.next_cursor();
    } while (page.has_more() && looked_at < kEventsMax);
    search.was_cut_off = page.has_more();
    for (const auto& [id, count] : matches) search.found.push_back({.id = id, .matches = count});
    std::stable_sort(search.found.begin(), search.found.end(),
                     [](const Found& a, const Found& b) { return a.matches > b.matches; });
    keep_page(search, request);
    return search;
}

Result<Json> entity_row(const client::EndpointView& view, const Found& found, Shown& shown) {
    Json row;
    row["entity_id"] = shown.text(found.id);
    if (found.matches > 0) row["matches"] = found.matches;
    client::EventPage page;
    RETURN_IF_ERROR(view.read_entity(found.id, {.order = Order::kBackward, .limit = 1}, page));
    if (page.events().empty()) return row;
    const EventView& last = page.events().front();
    row["version"] = last.version.value;
    row["last_event_type"] = shown.text(last.event_type);
    row["last_occurred_at"] = last.occurred_at.to_string();
    return row;
}

Result<ToolAnswer> find_entities(const Json& arguments, CallContext& context) {
    ASSIGN_OR_RETURN(const Request request, take_request(arguments));
    ASSIGN_OR_RETURN(const auto view, context.endpoint.view(request.view));
    Result<Search> searched_for = request.has_filter     ? by_events(*view, request, context)
                                  : request.text.empty() ? listed(*view, request)
                                                         : by_text(*view, request);
    if (!searched_for.ok()) return std::move(searched_for).error();
    const Search& search = *searched_for;
    Json answer = begun_answer();
    answer["found"] = search.count;
    if (search.was_cut_off) answer["or_more"] = true;
    answer["how"] = search.how;
    answer["view"] = view_json(view->info());
    Shown shown({.string_bytes = 600});
    Rows rows(bytes_left(answer, request.bytes_max));
    std::size_t given = 0;
    for (; given < search.found.size(); ++given) {
        ASSIGN_OR_RETURN(Json row, entity_row(*view, search.found[given], shown));
        if (!rows.add(std::move(row))) break;
    }
    if (given > 0 && (search.has_more || given < search.found.size())) {
        answer["complete"] = false;
        answer["cursor"] = {{"after", place_of(search.found[given - 1].id)}};
        pin_view(answer["cursor"], view->info());
    } else if (search.was_cut_off) {
        mark_incomplete(answer, "not everything was looked at: a narrower filter or prefix");
    }
    if (shown.cut_count() > 0) mark_incomplete(answer, "long ids were cut: query_events with the prefix shows them");
    answer["untrusted"]["entities"] = rows.take();
    if (!search.found.empty() || search.count > 0) return answered(std::move(answer));
    ASSIGN_OR_RETURN(answer["searched"], searched(*view, arguments));
    ASSIGN_OR_RETURN(Json meant, did_you_mean(*view, request.filter));
    for (const std::string& id : search.near) meant["entity_id"].push_back(shown.text(id));
    if (!meant.empty()) answer["untrusted"]["did_you_mean"] = std::move(meant);
    return answered(std::move(answer));
}

}  // namespace

Tool find_entities_tool() {
    Tool tool;
    tool.name = "find_entities";
    tool.title = "Find entities";
    tool.description = "Entity ids by a part (text), prefix, or what happened to them.";
    tool.input_schema = input_schema(
        R"({"text":{"type":"string"},"prefix":{"type":"string"},"event_type":{"type":["string","array"]},
            "where":{"type":["string","array"]},"actor":{"type":"string"},
            "limit":{"type":"integer"},"after":{"type":"string"}})",
        {Shared::kView, Shared::kBudget});
    tool.output_schema = output_schema(
        R"({"complete":{"type":"boolean"},"cursor":{"type":["object","null"]},"found":{"type":"integer"},
            "how":{"type":"string"},"view":{"type":"object"},"searched":{"type":"object"},
            "untrusted":{"type":"object"}})",
        {"complete", "found", "view"});
    tool.is_idempotent = true;
    tool.run = answering(FallibleRun(find_entities));
    return tool;
}

}  // namespace chronos::mcp
