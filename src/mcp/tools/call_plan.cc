#include "mcp/tools/call_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/asked_subject.h"
#include "mcp/tools/guidance.h"
#include "mcp/tools/request.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kStepsMax = 4;
/// Names and times around a payload in an answer.
constexpr std::uint64_t kRowTokens = 55;

/// Of who knew or said what at the time.
constexpr std::string_view kKnown = "known|knew|known_at|believed|thought|reported|aware|audit*";
constexpr std::string_view kDidSomebody =
    "did we|did you|did they|did i|did the store|did the system|did anyone|did our";
constexpr std::string_view kHowTo =
    "how do i|how do we|how can i|how can we|how should i|how should we|how to|how would i|should i|should we";
constexpr std::string_view kToChange =
    "correct|fix|undo|revert|append|record|write|insert|add|change|update|delete|remove|erase|repair|amend";
constexpr std::string_view kWhatChanged =
    "what changed|what has changed|what have changed|what all changed|what's changed|what was changed|changes since|"
    "changed since|what is new|what's new";
constexpr std::string_view kNoStates =
    "current state is not indexed: find_entities looks at events, not at states; overview names the event types that "
    "lead into the state asked about, find_entities the entities that had one, get_state of each what it is now";

class Planner {
public:
    Planner(const client::EndpointView& view, const Question& question, AskedSubject subject)
        : view_(view), question_(question), subject_(std::move(subject)) {}

    Status plan() {
        // How to change something is told by guidance; it asks for no number and nobody's history.
        if (!asks(kHowTo) || !asks(kToChange)) {
            RETURN_IF_ERROR(plan_time());
            RETURN_IF_ERROR(plan_causes());
            RETURN_IF_ERROR(plan_arithmetic());
        }
        plan_writing();
        if (plan_.steps.size() > 0) return {};
        return plan_default();
    }

    CallPlan take() {
        Shown shown({.string_bytes = 200});
        for (const std::string& id : subject_.entities) plan_.entities.push_back(shown.text(id));
        for (const std::string& type : subject_.event_types) plan_.event_types.push_back(shown.text(type));
        return std::move(plan_);
    }

private:
    [[nodiscard]] bool asks(std::string_view words) const { return mentions(question_.lower_question, words); }
    [[nodiscard]] bool has_entity() const { return !subject_.entities.empty(); }

    void note(std::string_view sentence) { plan_.notes.push_back(sentence); }

    /// A tool goes in once.
    void add(std::string_view tool, std::string_view why, Json arguments, std::uint64_t rows, std::uint64_t tokens) {
        for (const Json& step : plan_.steps) {
            if (step["tool"] == tool) return;
        }
        add_another(tool, why, std::move(arguments), rows, tokens);
    }

    void add_another(std::string_view tool, std::string_view why, Json arguments, std::uint64_t rows,
                     std::uint64_t tokens) {
        if (plan_.steps.size() == kStepsMax) return;
        plan_.steps.push_back({{"tool", tool},
                               {"why", why},
                               {"arguments", "untrusted.calls[" + std::to_string(plan_.calls.size()) + "]"},
                               {"rows", rows},
                               {"tokens", std::min<std::uint64_t>(tokens, kMaxTokensDefault)}});
        Shown shown({.string_bytes = 300});
        plan_.calls.push_back(shown.json(text_of(arguments)));
    }

    /// Events of the subject, as a filter and how many there are.
    Result<std::pair<Json, std::uint64_t>> filter() const {
        Json arguments = Json::object();
        Filter filter;
        if (has_entity()) {
            filter.entity_ids = subject_.entities;
            arguments["entity_id"] = subject_.entities;
        }
        if (!subject_.event_types.empty()) {
            filter.event_types = subject_.event_types;
            arguments["event_type"] = subject_.event_types;
        }
        if (!has_entity() && subject_.event_types.empty() && !subject_.kind.empty()) {
            filter.entity_id_prefix = subject_.kind;
            arguments["entity_id_prefix"] = subject_.kind;
        }
        filter.occurred_since = subject_.time.since;
        filter.occurred_until = subject_.time.until;
        if (filter.occurred_since) arguments["occurred_since"] = filter.occurred_since->to_string();
        if (filter.occurred_until) arguments["occurred_until"] = filter.occurred_until->to_string();
        ASSIGN_OR_RETURN(const std::uint64_t count, view_.count(filter));
        return std::pair{std::move(arguments), count};
    }

    /// From the one to the other, which different words name; of one alone, from the type with which its kind of
    /// entities begins. Empty: from none.
    [[nodiscard]] Result<std::pair<std::string, std::string>> ends_of_duration() const {
        const std::string& first = subject_.named.front().types.front();
        const std::string kind = first.substr(0, first.find_first_of(".:_-") + 1);
        if (subject_.named.size() > 1) {
            const std::vector<std::string>& others = subject_.named[1].types;
            const auto of_kind = std::find_if(others.begin(), others.end(),
                                              [&kind](const std::string& type) { return type.starts_with(kind); });
            return std::pair(first, of_kind == others.end() ? others.front() : *of_kind);
        }
        ReadOptions begin{.limit = 1};
        begin.filter.event_type_prefix = kind;
        client::EventPage page;
        RETURN_IF_ERROR(view_.read(begin, page));
        const std::string begins = page.events().empty() ? first : std::string(page.events().front().event_type);
        return std::pair(begins == first ? std::string() : begins, first);
    }

    Result<std::uint64_t> events_of_entity() const {
        Filter filter;
        filter.entity_ids = {subject_.entities.front()};
        return view_.count(filter);
    }

    /// Both sides of a comparison; empty: the question has no time.
    [[nodiscard]] Json sides() const {
        Json sides = Json::object();
        const std::vector<std::string>& dates = subject_.dates;
        const AskedTime& time = subject_.time;
        if (!dates.empty()) {
            sides["from"]["as_of"] = dates.front();
            if (dates.size() > 1) sides["to"]["as_of"] = dates.back();
        } else if (time.is_there()) {
            sides["from"]["as_of"] = (time.since ? time.since : time.until)->to_string();
        }
        if (dates.size() < 2 && asks(kWhatChanged) && time.since && time.until)
            sides["to"]["as_of"] = time.until->to_string();
        return sides;
    }

    /// The moment that the question names: its last date, or the end of the time in words; empty: none.
    [[nodiscard]] std::string moment() const {
        if (!subject_.dates.empty()) return subject_.dates.back();
        const AskedTime& time = subject_.time;
        return time.is_there() ? (time.until ? time.until : time.since)->to_string() : std::string();
    }

    Status plan_comparison() {
        const bool what_changed = asks(kWhatChanged);
        Json arguments = sides();
        const bool is_asked = asks("compare*|differ*|diff|versus|vs|regression*|broke*|since when") ||
                              ((what_changed || asks("between")) && !arguments.empty());
        if (!is_asked) return {};
        if (arguments.empty()) {
            note("compare needs a time or a fork for one side at least, and the question names none");
            return {};
        }
        if (has_entity()) arguments["entity_id"] = subject_.entities;
        add("compare", "entities, fields and events that differ between two views; name each side's time or fork",
            std::move(arguments), 20, 1'500);
        if (!what_changed) return {};
        ASSIGN_OR_RETURN(auto filtered, filter());
        auto& [events, rows] = filtered;
        add("query_events", "the events themselves, by when they occurred; `since` asks by when they were recorded",
            std::move(events), rows, rows * tokens_per_event(question_.sample));
        return {};
    }

    Status plan_time() {
        RETURN_IF_ERROR(plan_comparison());
        if (!has_entity()) return {};
        Json arguments = {{"entity_id", subject_.entities.front()}};
        const std::string time = moment();
        const bool is_of_knowledge = asks(kKnown) || (asks(kDidSomebody) && asks("know|believe|think|hold|assume|see"));
        if (is_of_knowledge && !time.empty()) {
            arguments["known_at"] = time;
            add("get_state",
                "known_at: what the store held then, without what was recorded later; a date alone is its first moment",
                arguments, 1, 400);
        } else if (is_of_knowledge) {
            note("known_at answers what the store held at a time, and the question names none");
        } else if (!time.empty() && !asks(kWhatChanged) &&
                   (!subject_.dates.empty() || asks("as of|yesterday|back then"))) {
            arguments["as_of"] = time;
            add("get_state",
                "as_of: what had happened by then, told by all that is known now; a date alone is its first moment",
                arguments, 1, 400);
        } else if (asks("as of|back then|at that time")) {
            note("as_of answers what was at a time, and the question names none");
        } else if (asks("current*|now|state|status|is|latest")) {
            add("get_state", "the state as it is now", arguments, 1, 400);
        }
        return {};
    }

    Status plan_causes() {
        const bool is_asked = asks(
            "why|who|reason*|cause*|because|chang*|previous*|before|earlier|history|how "
            "long|when|duration|did|was|were|"
            "ever|never|happen*|explain*");
        if (!is_asked || !has_entity()) return {};
        ASSIGN_OR_RETURN(const std::uint64_t rows, events_of_entity());
        Json arguments = {{"entity_id", subject_.entities.front()}};
        if (!subject_.field.empty() && !asks("did|ever|never|happen*")) arguments["field"] = subject_.field;
        std::vector<std::string> expected = subject_.event_types;
        expected.insert(expected.end(), subject_.types_not_there.begin(), subject_.types_not_there.end());
        if (!expected.empty()) arguments["expect_types"] = expected;
        if (!subject_.types_not_there.empty())
            note("no event here has a type that the question names; expect_types says so, with types like it");
        add("get_history",
            "events with actor, reason, before and after, durations worked out; with expect_types it says what never "
            "happened",
            std::move(arguments), rows, rows * tokens_per_event(question_.sample));
        return {};
    }

    /// From one event to another, if the question names any; else what follows what, which names them.
    Status plan_duration(std::uint64_t rows) {
        std::pair<std::string, std::string> ends;
        if (!subject_.named.empty()) {
            ASSIGN_OR_RETURN(ends, ends_of_duration());
        }
        if (ends.first.empty()) {
            Json call = {{"op", "sequence"}};
            if (!subject_.kind.empty()) call["entity_id_prefix"] = subject_.kind;
            add("aggregate",
                "which event follows which in an entity, and the time between; then op duration with from_type and "
                "to_type",
                std::move(call), rows, 300);
            return {};
        }
        Json call = {{"op", "duration"}, {"from_type", ends.first}, {"to_type", ends.second}};
        add("aggregate", "duration from one event type to another per entity: min, avg, median, p95, max",
            std::move(call), rows, 300);
        return {};
    }

    /// What is done with the values of a field; empty: it is counted.
    [[nodiscard]] std::string_view operation() const {
        if (asks("average|mean")) return "avg";
        if (asks("how many|number of")) return "";
        if (asks("total|sum|how much|revenue|turnover|sales")) return "sum";
        if (asks("minimum|lowest")) return "min";
        return asks("maximum|highest") ? "max" : "";
    }

    [[nodiscard]] std::string group(std::string_view rest) const {
        for (const std::string_view time : {"day", "hour", "month"}) {
            if (mentions(rest, time)) return std::string(time);
        }
        if (mentions(rest, "daily")) return "day";
        if (mentions(rest, "who|whom|actor|actors|person|people")) return "actor";
        return subject_.by.empty() ? "type" : subject_.by;
    }

    void plan_calculation(Json arguments, std::uint64_t rows) {
        const std::string_view operation = this->operation();
        const bool is_of_field = !operation.empty() && !subject_.field.empty();
        if (!is_of_field && operation == "avg") {
            add("overview", "the question names no field that is here to calculate with: see the fields of each type",
                Json::object(), question_.stats.event_types.size(), 200 + question_.stats.event_types.size() * 60);
            return;
        }
        arguments["op"] = is_of_field ? operation : "count";
        if (is_of_field) arguments["field"] = subject_.field;
        // "per" and "day" of "cost per day" are words of the field.
        std::string rest = question_.lower_question;
        const std::string name = spoken(subject_.field);
        if (const std::size_t at = rest.find(name); is_of_field && at != std::string::npos) rest.erase(at, name.size());
        if (mentions(rest, "per|by|each|every|most|least|top|distribution")) arguments["by"] = group(rest);
        if (arguments["op"] == "sum" && !subject_.sum_type.empty() && subject_.event_types.empty()) {
            arguments["event_type"] = subject_.sum_type;
            note("several event types have this field: added up over all of them it counts twice, so one is named");
        }
        add("aggregate", "the server counts and adds; do not fetch events to add them up", std::move(arguments), rows,
            300);
    }

    [[nodiscard]] bool asks_for_state() const { return asks("current*|now|still|status|state|at the moment|today"); }

    /// Entities that had the one and never the other: two lists, of which one is taken away from the other.
    Status plan_subtraction() {
        std::vector<std::string> there;
        std::vector<std::string> absent = subject_.types_not_there;
        for (const NamedTypes& named : subject_.named) {
            std::vector<std::string>& side = named.is_denied ? absent : there;
            side.insert(side.end(), named.types.begin(), named.types.end());
        }
        const auto search = [&](const std::vector<std::string>& types, std::string_view why) -> Status {
            Json arguments = {{"limit", 200}};
            if (!types.empty()) arguments["event_type"] = types;
            if (!subject_.kind.empty()) arguments["prefix"] = subject_.kind;
            ASSIGN_OR_RETURN(const std::uint64_t rows,
                             view_.count({.event_types = types, .entity_id_prefix = subject_.kind}));
            add_another("find_entities", why, std::move(arguments), rows, 600);
            return {};
        };
        RETURN_IF_ERROR(search(there, there.empty() ? "all ids that begin so" : "those that had the first"));
        if (absent.empty()) {
            note("the store has no event type for what is said not to have happened: the step finds candidates only");
            return {};
        }
        RETURN_IF_ERROR(search(absent, "those that had the other: take these ids away from the ones before"));
        note(
            "no call finds entities that lack an event, neither of the two answers it alone: subtract the second list "
            "from the first, both to their end (cursor), or ask get_history of each with expect_types");
        return {};
    }

    Status plan_search(Json arguments, std::uint64_t rows) {
        if (subject_.is_denied) return plan_subtraction();
        if (asks_for_state() || asks("are on|is on")) note(kNoStates);
        if (subject_.time.is_there()) {
            // What happened when is a filter of aggregate.
            arguments["op"] = "count";
            arguments["by"] = "entity";
            add("aggregate", "entities by what happened to them at that time", std::move(arguments), rows, 600);
            return {};
        }
        if (arguments.contains("entity_id_prefix")) {
            arguments["prefix"] = arguments["entity_id_prefix"];
            arguments.erase("entity_id_prefix");
        }
        const std::string_view why =
            subject_.event_types.empty()      ? "lists ids only: what happened to them is not looked at"
            : subject_.event_types.size() > 1 ? "entities with an event of any of these types, not of all of them"
                                              : "entities with an event of this type, most matches first";
        add("find_entities", why, std::move(arguments), rows, 600);
        return {};
    }

    Status plan_arithmetic() {
        ASSIGN_OR_RETURN(auto filtered, filter());
        auto& [arguments, rows] = filtered;
        const bool is_of_duration =
            asks("how long|duration|took|take|takes|lead time|time to|time from|time between|average time");
        if (is_of_duration && !has_entity()) RETURN_IF_ERROR(plan_duration(rows));
        if (asks("how many|how much|count|number of|total|sum|average|mean|most|least|top|per|distribution|minimum|"
                 "maximum|highest|lowest|revenue|turnover|sales")) {
            if (!is_of_duration || has_entity()) plan_calculation(std::move(arguments), rows);
        } else if (asks("which|find|list|who has|whose|search") && !has_entity()) {
            RETURN_IF_ERROR(plan_search(std::move(arguments), rows));
        } else if (asks("follow|watch|wait|live|new events|tail")) {
            arguments.erase("occurred_since");
            arguments.erase("occurred_until");
            arguments["after"] = "head";
            arguments["wait_seconds"] = 25;
            add("query_events", "waits for what comes; repeat with what cursor holds", std::move(arguments), 0, 200);
        }
        return {};
    }

    void plan_writing() {
        if (asks("try|experiment*|what if|what-if|simulat*|fork*|safely|sandbox|scenario*"))
            add("fork_create", "try it on a fork; compare {to: {fork}} shows what it changed, fork_finish ends it",
                {{"name", "trial"}, {"ttl_seconds", 3600}}, 1, 120);
        const bool corrects = asks("correct|fix|undo|revert|repair|amend");
        if (!corrects && !asks("append|record|write|insert|add an event")) return;
        Json event = {{"entity_id", has_entity() ? subject_.entities.front() : "kind:key"},
                      {"event_type", subject_.event_types.empty() ? "kind.happened" : subject_.event_types.front()},
                      {"expected_version", has_entity() ? Json("the version that get_state gives") : Json("none")},
                      {"payload", Json::object()}};
        add("append_events",
            corrects ? "events stay as they are: append one that corrects them; to a fork unless main is meant"
                     : "to a fork unless main is meant; the version read is the version expected",
            {{"branch", "the fork's id"}, {"idempotency_key", "a name for this batch"}, {"events", {event}}}, 1, 150);
    }

    Status plan_default() {
        if (has_entity()) {
            add("get_state", "what it is now", {{"entity_id", subject_.entities.front()}}, 1, 400);
            ASSIGN_OR_RETURN(const std::uint64_t rows, events_of_entity());
            add("get_history", "how it became so", {{"entity_id", subject_.entities.front()}}, rows,
                rows * tokens_per_event(question_.sample));
            return {};
        }
        ASSIGN_OR_RETURN(auto filtered, filter());
        auto& [arguments, rows] = filtered;
        if (!subject_.event_types.empty())
            add("query_events", "the events of these types; table form takes a third less", std::move(arguments), rows,
                rows * tokens_per_event(question_.sample));
        add("overview", "the question names nothing that is here: see types, fields and kinds of entities first",
            Json::object(), question_.stats.event_types.size(), 200 + question_.stats.event_types.size() * 60);
        return {};
    }

    const client::EndpointView& view_;
    const Question& question_;
    AskedSubject subject_;
    CallPlan plan_;
};

}  // namespace

std::uint64_t tokens_per_event(const TypeSample& sample) {
    if (sample.event_count == 0) return kRowTokens;
    return kRowTokens + sample.bytes / sample.event_count / kTokenBytes;
}

Result<CallPlan> plan_calls(const client::EndpointView& view, const Question& question) {
    ASSIGN_OR_RETURN(AskedSubject subject, asked_subject(view, question));
    Planner planner(view, question, std::move(subject));
    RETURN_IF_ERROR(planner.plan());
    return planner.take();
}

}  // namespace chronos::mcp
