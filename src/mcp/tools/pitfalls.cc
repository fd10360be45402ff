#include "mcp/tools/pitfalls.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/result.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/call_plan.h"
#include "mcp/tools/request.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::size_t kNamesMax = 10;

std::string of_last(std::uint64_t part, const TypeSample& sample) {
    return std::to_string(part) + " of the last " + std::to_string(sample.event_count) + " events";
}

void about_time(const Stats& stats, const TypeSample& sample, Pitfalls& pitfalls) {
    if (sample.occurred_earlier > 0)
        pitfalls.sentences.push_back(
            of_last(sample.occurred_earlier, sample) +
            " occurred more than a minute before they were recorded: as_of (what had happened) "
            "and known_at (what was known) give different answers; say which one is meant");
    if (stats.last_recorded_at && span_ns(*stats.last_recorded_at, now()) > kDayNs)
        pitfalls.sentences.push_back("nothing was recorded for " +
                                     duration_json(span_ns(*stats.last_recorded_at, now()))["text"].get<std::string>() +
                                     ": \"now\" is the state of then");
}

void about_causes(const TypeSample& sample, Pitfalls& pitfalls) {
    if (sample.event_count == 0) return;
    if (sample.with_actor == 0)
        pitfalls.sentences.push_back("none of the last " + std::to_string(sample.event_count) +
                                     " events names an actor: who did something is mostly not recorded");
    else if (sample.with_actor < sample.event_count)
        pitfalls.sentences.push_back("only " + of_last(sample.with_actor, sample) + " name an actor");
    if (sample.with_reason < sample.event_count)
        pitfalls.sentences.push_back(
            (sample.with_reason == 0
                 ? "none of the last " + std::to_string(sample.event_count) + " events gives a reason"
                 : "only " + of_last(sample.with_reason, sample) + " give a reason") +
            " in metadata: where there is none, say so instead of inferring one");
}

void about_types(const Stats& stats, Pitfalls& pitfalls) {
    Shown shown({.string_bytes = 120});
    Json alike = Json::array();
    const std::size_t count = std::min<std::size_t>(stats.event_types.size(), 200);
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = i + 1; j < count && alike.size() < kNamesMax; ++j) {
            const std::string& a = stats.event_types[i].event_type;
            const std::string& b = stats.event_types[j].event_type;
            if (std::min(a.size(), b.size()) >= 6 && wire::edit_distance(a, b) <= 2)
                alike.push_back({shown.text(a), shown.text(b)});
        }
    }
    if (!alike.empty()) {
        pitfalls.sentences.push_back(
            "event types that are spelled nearly alike (untrusted.similar_event_types): "
            "ask for both, or find out which one is used");
        pitfalls.names["similar_event_types"] = std::move(alike);
    }
    if (stats.event_types.size() > 50)
        pitfalls.sentences.push_back(std::to_string(stats.event_types.size()) +
                                     " event types: filter by event_type_prefix");
}

void about_size(const Stats& stats, const TypeSample& sample, Pitfalls& pitfalls) {
    const std::uint64_t tokens = tokens_per_event(sample);
    if (sample.event_count > 0 && tokens > 300)
        pitfalls.sentences.push_back("an event takes about " + std::to_string(tokens) +
                                     " tokens: name the payload fields that matter in `fields`");
    if (stats.event_count > 100'000)
        pitfalls.sentences.push_back("`where` and by /field look at every event that the other filters leave, up to " +
                                     std::to_string(stats.event_count) +
                                     ": add event_type, entity_id, tag or times, which have an index");
}

/// Fields and ids that look like data about people.
Status about_privacy(const client::EndpointView& view, const TypeSample& sample, Pitfalls& pitfalls) {
    static constexpr std::array<std::string_view, 11> kWords{
        "email", "e_mail", "phone", "ssn", "passport", "iban", "birth", "address", "gender", "password", "token"};
    Shown shown({.string_bytes = 120});
    Json fields = Json::array();
    for (const auto& [pointer, field] : sample.fields) {
        const std::string& name = pointer;
        const bool is_personal = std::any_of(kWords.begin(), kWords.end(), [&name](std::string_view word) {
            return name.find(word) != std::string::npos;
        });
        if (is_personal && fields.size() < kNamesMax) fields.push_back(shown.text(pointer));
    }
    if (!fields.empty()) {
        pitfalls.sentences.push_back(
            "payload fields look personal or secret (untrusted.personal_fields): leave them out "
            "with `fields` and do not repeat them");
        pitfalls.names["personal_fields"] = std::move(fields);
    }
    ASSIGN_OR_RETURN(const auto ids, view.entities("", "", 200));
    const auto count =
        std::count_if(ids.begin(), ids.end(), [](const std::string& id) { return id.find('@') != std::string::npos; });
    if (count > 0)
        pitfalls.sentences.push_back(std::to_string(count) + " of the first " + std::to_string(ids.size()) +
                                     " entity ids hold an '@': ids cannot be erased, so they must not be personal");
    return {};
}

}  // namespace

Result<Pitfalls> find_pitfalls(const client::Endpoint& endpoint, const client::EndpointView& view, const Stats& stats,
                               const TypeSample& sample) {
    Pitfalls pitfalls;
    if (stats.event_count == 0) pitfalls.sentences.push_back("there are no events yet");
    about_time(stats, sample, pitfalls);
    about_causes(sample, pitfalls);
    about_types(stats, pitfalls);
    about_size(stats, sample, pitfalls);
    RETURN_IF_ERROR(about_privacy(view, sample, pitfalls));
    ASSIGN_OR_RETURN(const auto forks, endpoint.forks());
    if (!forks.empty())
        pitfalls.sentences.push_back("live forks: " + std::to_string(forks.size()) +
                                     "; without `fork`, answers are about main and see nothing of them");
    return pitfalls;
}

}  // namespace chronos::mcp
