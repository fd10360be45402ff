#include "mcp/tools/call_plan.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "base/result.h"
#include "mcp/json_rpc.h"
#include "mcp/tools/asked_time.h"
#include "mcp/tools/guidance.h"
#include "mcp/tools/request.h"
#include "mcp/tools/searched.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kStepsMax = 4;
constexpr std::size_t kNamesMax = 6;
constexpr std::size_t kKindsMax = 50;
/// Of a word that may stand anywhere in an id.
constexpr std::size_t kInsideBytesMin = 4;
constexpr std::string_view kArithmetic = "total|sum|how much|average|mean|minimum|lowest|maximum|highest";
/// Names and times around a payload in an answer.
constexpr std::uint64_t kRowTokens = 55;

/// What the question names of the store.
struct Subject {
    std::vector<std::string> entities, event_types;
    std::string kind;   ///< What the ids of the entities begin with that are named as a kind: "order:".
    std::string field;  ///< JSON pointer.
    std::string date;
    AskedTime time;
};

std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : text + " ") {
        const bool belongs = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                             std::string_view(":/-_.@#").find(c) != std::string_view::npos ||
                             static_cast<unsigned char>(c) >= 0x80;
        if (belongs) {
            word += c;
            continue;
        }
        while (!word.empty() && std::string_view(".:-/").find(word.back()) != std::string_view::npos) word.pop_back();
        if (!word.empty()) words.push_back(std::exchange(word, {}));
    }
    return words;
}

bool is_date(const std::string& word) {
    return word.size() >= 10 && word[4] == '-' && word[7] == '-' && Timestamp::parse(word.substr(0, 10)).ok();
}

/// "order.shipped" is meant by "order.shipped", "shipped", "ship" and "shipping".
bool means_type(const std::string& word, const std::string& type) {
    if (word == type) return true;
    const std::size_t dot = type.find_last_of(".:_-");
    const std::string last = dot == std::string::npos ? type : type.substr(dot + 1);
    if (word.size() < 4 || last.size() < 4) return word == last;
    const std::size_t stem = std::max<std::size_t>(4, std::min(word.size(), last.size()) - 2);
    return word.substr(0, stem) == last.substr(0, stem);
}

/// Entities whose ids hold one of these words, the first of each.
Status find_inside_ids(const client::EndpointView& view, std::vector<std::string> words, Subject& subject) {
    constexpr std::size_t kIdsMax = 20'000;
    constexpr std::uint32_t kPage = 1'000;
    std::string after;
    for (std::size_t looked_at = 0; !words.empty() && looked_at < kIdsMax; looked_at += kPage) {
        ASSIGN_OR_RETURN(const auto ids, view.entities("", after, kPage));
        for (const std::string& id : ids) {
            const auto inside = std::find_if(words.begin(), words.end(), [&id](const std::string& word) {
                return id.find(word) != std::string::npos;
            });
            if (inside == words.end()) continue;
            if (subject.entities.size() < kNamesMax) subject.entities.push_back(id);
            words.erase(inside);
        }
        if (ids.size() < kPage) break;
        after = ids.back();
    }
    return {};
}

/// "order", "orders" and "boxes" name kinds of entities.
Result<std::string> kind_in(const client::EndpointView& view, const std::vector<std::string>& words) {
    ASSIGN_OR_RETURN(const auto kinds, entity_kinds(view, kKindsMax));
    for (const std::string& kind : kinds) {
        std::string name = kind.substr(0, kind.find_first_of(":/-_"));
        if (name.size() == kind.size() || name.size() < 2) continue;
        const bool is_named = std::any_of(words.begin(), words.end(), [&name](const std::string& word) {
            return word == name || word == name + "s" || word == name + "es";
        });
        if (is_named) return kind;
    }
    return std::string();
}

/// "cost per day" of "/money/cost_per_day".
std::string spoken(const std::string& pointer) {
    std::string name = pointer.substr(pointer.rfind('/') + 1);
    std::replace(name.begin(), name.end(), '_', ' ');
    return name;
}

/// The field that the question names, "cost_per_day" or "cost per day"; empty: none of these.
std::string field_in(const TypeSample& sample, const std::string& lower_question,
                     const std::vector<std::string>& words) {
    for (const auto& [pointer, field] : sample.fields) {
        const std::string name = pointer.substr(pointer.rfind('/') + 1);
        if (std::find(words.begin(), words.end(), name) != words.end()) return pointer;
        if (name.find('_') != std::string::npos && mentions(lower_question, spoken(pointer))) return pointer;
    }
    return {};
}

/// The same in the last events of each type, for fields that the last events of all have not.
Result<std::string> field_in_types(const client::EndpointView& view, const Question& question,
                                   const std::vector<std::string>& words) {
    constexpr std::size_t kTypesMax = 30;
    constexpr std::uint32_t kEventsOfType = 20;
    for (std::size_t i = 0; i < std::min(kTypesMax, question.stats.event_types.size()); ++i) {
        ASSIGN_OR_RETURN(const TypeSample sample,
                         sample_type(view, question.stats.event_types[i].event_type, kEventsOfType));
        std::string field = field_in(sample, question.lower_question, words);
        if (!field.empty()) return field;
    }
    return std::string();
}

Result<Subject> subject_of(const client::EndpointView& view, const Question& question) {
    Subject subject;
    std::vector<std::string> not_begun_with;
    for (const std::string& word : words_of(question.question)) {
        if (is_date(word)) {
            subject.date = word;
            continue;
        }
        const bool is_type = std::any_of(question.stats.event_types.begin(), question.stats.event_types.end(),
                                         [&word](const EventTypeCount& type) { return type.event_type == word; });
        const bool looks_like_id = word.find_first_of(":/-_.0123456789") != std::string::npos;
        if (!looks_like_id || is_type || subject.entities.size() == kNamesMax) continue;
        ASSIGN_OR_RETURN(const auto ids, view.entities(word, "", 1));
        if (!ids.empty() && (ids.front() == word || word.find(':') != std::string::npos))
            subject.entities.push_back(ids.front());
        else if (word.size() >= kInsideBytesMin && word.find_first_of("./:") != std::string::npos)
            not_begun_with.push_back(word);
    }
    RETURN_IF_ERROR(find_inside_ids(view, std::move(not_begun_with), subject));
    const std::vector<std::string> words = words_of(question.lower_question);
    subject.time = asked_time(words, now());
    ASSIGN_OR_RETURN(subject.kind, kind_in(view, words));
    // In the order in which the question names them: from the first to the second is what it is about.
    for (const std::string& word : words) {
        for (const EventTypeCount& type : question.stats.event_types) {
            const bool is_new = std::find(subject.event_types.begin(), subject.event_types.end(), type.event_type) ==
                                subject.event_types.end();
            if (is_new && means_type(word, type.event_type) && subject.event_types.size() < kNamesMax)
                subject.event_types.push_back(type.event_type);
        }
    }
    subject.field = field_in(question.sample, question.lower_question, words);
    if (subject.field.empty() && mentions(question.lower_question, kArithmetic)) {
        ASSIGN_OR_RETURN(subject.field, field_in_types(view, question, words));
    }
    return subject;
}

class Planner {
public:
    Planner(const client::EndpointView& view, const Question& question, Subject subject)
        : view_(view), question_(question), subject_(std::move(subject)) {}

    Status plan() {
        RETURN_IF_ERROR(plan_time());
        RETURN_IF_ERROR(plan_causes());
        RETURN_IF_ERROR(plan_arithmetic());
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

    void add(std::string_view tool, std::string_view why, Json arguments, std::uint64_t rows, std::uint64_t tokens) {
        if (plan_.steps.size() == kStepsMax) return;
        for (const Json& step : plan_.steps) {
            if (step["tool"] == tool) return;
        }
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

    /// The first of several types; of one alone, the type with which its kind of entities begins.
    [[nodiscard]] Result<std::string> first_type() const {
        const std::string& type = subject_.event_types.front();
        if (subject_.event_types.size() > 1) return type;
        ReadOptions first{.limit = 1};
        first.filter.event_type_prefix = type.substr(0, type.find_first_of(".:_-") + 1);
        client::EventPage page;
        RETURN_IF_ERROR(view_.read(first, page));
        return page.events().empty() ? type : std::string(page.events().front().event_type);
    }

    Result<std::uint64_t> events_of_entity() const {
        Filter filter;
        filter.entity_ids = {subject_.entities.front()};
        return view_.count(filter);
    }

    Status plan_time() {
        const std::string time = subject_.date.empty() ? "2026-01-31T00:00:00Z" : subject_.date;
        if (asks("compare*|differ*|diff|versus|vs|between|regression*|broke*|since when")) {
            Json arguments = {{"from", {{"as_of", time}}}};
            if (has_entity()) arguments["entity_id"] = subject_.entities;
            add("compare", "entities, fields and events that differ between two views; name each side's time or fork",
                std::move(arguments), 20, 1'500);
        }
        if (!has_entity()) return {};
        Json arguments = {{"entity_id", subject_.entities.front()}};
        if (asks("known|knew|believed|thought|reported|aware|audit*")) {
            arguments["known_at"] = time;
            add("get_state", "known_at: what the store held then, without what was recorded later", arguments, 1, 400);
        } else if (!subject_.date.empty() || asks("as of|back then|yesterday|at that time")) {
            arguments["as_of"] = time;
            add("get_state", "as_of: what had happened by then, told by all that is known now", arguments, 1, 400);
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
        if (!subject_.event_types.empty()) arguments["expect_types"] = subject_.event_types;
        add("get_history",
            "events with actor, reason, before and after, durations worked out; with expect_types it says what never "
            "happened",
            std::move(arguments), rows, rows * tokens_per_event(question_.sample));
        return {};
    }

    /// From one event to another, if the question names any; else what follows what, which names them.
    Status plan_duration(std::uint64_t rows) {
        if (subject_.event_types.empty()) {
            Json call = {{"op", "sequence"}};
            if (!subject_.kind.empty()) call["entity_id_prefix"] = subject_.kind;
            add("aggregate",
                "which event follows which in an entity, and the time between; then op duration with from_type and "
                "to_type",
                std::move(call), rows, 300);
            return {};
        }
        Json call = {{"op", "duration"}};
        ASSIGN_OR_RETURN(call["from_type"], first_type());
        call["to_type"] = subject_.event_types[subject_.event_types.size() > 1 ? 1 : 0];
        add("aggregate", "duration from one event type to another per entity: min, avg, median, p95, max",
            std::move(call), rows, 300);
        return {};
    }

    /// What is done with the values of a field; empty: it is counted.
    [[nodiscard]] std::string_view operation() const {
        if (asks("average|mean")) return "avg";
        if (asks("total|sum|how much")) return "sum";
        if (asks("minimum|lowest")) return "min";
        return asks("maximum|highest") ? "max" : "";
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
        if (mentions(rest, "per|by|each|most|least|top|distribution"))
            arguments["by"] = mentions(rest, "day|daily") ? "day" : "type";
        add("aggregate", "the server counts and adds; do not fetch events to add them up", std::move(arguments), rows,
            300);
    }

    void plan_search(Json arguments, std::uint64_t rows) {
        if (subject_.time.is_there()) {
            // What happened when is a filter of aggregate.
            arguments["op"] = "count";
            arguments["by"] = "entity";
            add("aggregate", "entities by what happened to them at that time", std::move(arguments), rows, 600);
            return;
        }
        if (arguments.contains("entity_id_prefix")) {
            arguments["prefix"] = arguments["entity_id_prefix"];
            arguments.erase("entity_id_prefix");
        }
        add("find_entities", "entities by what happened to them, most matches first", std::move(arguments), rows, 600);
    }

    Status plan_arithmetic() {
        ASSIGN_OR_RETURN(auto filtered, filter());
        auto& [arguments, rows] = filtered;
        const bool is_of_duration = asks("how long|duration|took|take|takes|lead time|time to|average time");
        if (is_of_duration && !has_entity()) RETURN_IF_ERROR(plan_duration(rows));
        if (asks("how many|how much|count|number of|total|sum|average|mean|most|least|top|per|distribution|minimum|"
                 "maximum|highest|lowest")) {
            if (!is_of_duration || has_entity()) plan_calculation(std::move(arguments), rows);
        } else if (asks("which|find|list|who has|whose|search") && !has_entity()) {
            plan_search(std::move(arguments), rows);
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
        if (!asks("append|record|write|insert|add an event|correct|fix")) return;
        Json event = {{"entity_id", has_entity() ? subject_.entities.front() : "kind:key"},
                      {"event_type", subject_.event_types.empty() ? "kind.happened" : subject_.event_types.front()},
                      {"expected_version", has_entity() ? Json("the version that get_state gives") : Json("none")},
                      {"payload", Json::object()}};
        add("append_events", "to a fork unless main is meant; the version read is the version expected",
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
    Subject subject_;
    CallPlan plan_;
};

}  // namespace

std::uint64_t tokens_per_event(const TypeSample& sample) {
    if (sample.event_count == 0) return kRowTokens;
    return kRowTokens + sample.bytes / sample.event_count / kTokenBytes;
}

Result<CallPlan> plan_calls(const client::EndpointView& view, const Question& question) {
    ASSIGN_OR_RETURN(Subject subject, subject_of(view, question));
    Planner planner(view, question, std::move(subject));
    RETURN_IF_ERROR(planner.plan());
    return planner.take();
}

}  // namespace chronos::mcp
