#include "mcp/tools/guidance.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace chronos::mcp {
namespace {

struct Subject {
    std::string_view name;
    std::string_view words;
    std::string_view text;
};

constexpr std::array<Subject, 9> kSubjects{{
    {"modelling", "model*|design*|schema*|stream|streams|entity|entities|aggregate|boundary|structure*",
     "One entity is what must stay consistent by itself: an order, an account, a ticket; not a whole customer, not one "
     "line. An event says what happened and why it matters (order.cancelled), not which row changed (order.updated). "
     "Put into the payload what was decided and what it was decided on: previous and new value, amounts, references. "
     "Keep streams below some thousand events: begin a new entity per period (account:42/2026-01) where they grow on."},
    {"naming", "name|names|naming|call|type|types|convention*",
     "Types are <subject>.<past participle>: order.placed, payment.refused. Lower case, one separator, no versions and "
     "no ids in them, so that event_type_prefix order. finds them all. Entity ids are <kind>:<key>: order:1042. Use "
     "the "
     "names that overview shows before inventing new ones; a second spelling splits history."},
    {"versions", "version*|concurren*|conflict*|race|expected|optimistic|overwrite*",
     "Read get_state, decide, append with its version as expected_version; \"none\" for a new entity. On "
     "version_conflict somebody was faster: read again and decide anew, do not just repeat. Use \"any\" only for facts "
     "that hold whatever else happened, such as measurements."},
    {"conditions", "condition*|unique*|uniqueness|exactly|constraint*|invariant*|across|several|duplicate*",
     "A rule over several entities: append with conditions [{fail_if_events_match: {items: [{types, tags}]}, after: "
     "at}], "
     "where at is view.at of the read that decided. It fails if a matching event came meanwhile. Tag events by what "
     "such rules ask for (email:…, course:…). Uniqueness: fail_if_events_match with that tag and no after."},
    {"time", "time|when|date|as_of|known_at|late|backdat*|history|historic*|audit*|past|ago|then",
     "as_of T: what had happened by T, told by all that is known today. known_at T: what the store held at T, however "
     "wrong; use it for audits and for \"what did we know\". They differ where events are recorded later than they "
     "occurred. For imports and late news set occurred_at; never change it to make states look right."},
    {"privacy", "privacy|personal|gdpr|dsgvo|pii|email|e-mail|erase*|erasure|forget|sensitive|secret*|consent",
     "Nothing personal in entity ids, types and tags: they stay readable for good. Use keys that mean nothing outside "
     "(user:8f3a), keep personal data in few payload fields of few types, and refer to it. Never append secrets, "
     "tokens or whole prompts. Ask for the fields you need instead of whole payloads."},
    {"corrections", "correct*|wrong|mistake*|fix|undo|revert*|delete*|remove*|compensat*",
     "Events are never changed. Append what corrects: order.corrected with the right value and a reason in metadata, "
     "or the counter-event (payment.refunded). null in a payload takes a field out of the state. Try larger repairs in "
     "a fork, compare, then merge."},
    {"forks", "fork*|try|experiment*|what-if|simulat*|sandbox*|safely|trial|scenario*|branch*",
     "fork_create costs nothing and copies nothing. Read and append with its id; compare {to: {fork}} shows what it "
     "changed. Merging is all or nothing and looks again at every condition; what moved on the parent is a conflict "
     "that you skip or force by entity. Discard what failed. Forks expire (24 h unless told otherwise)."},
    {"causes", "why|cause*|reason*|who|actor|trace|correlat*|because|blame|responsib*",
     "Put actor, reason, correlation_id and causation_id into metadata of every append: later \"why\" is answered by "
     "them alone. Follow causation_id to the event that led here (query_events ids), correlation_id to all of one "
     "request. Where no reason is recorded, say that it is not recorded; do not infer one from the order of events."},
}};

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

bool mentions_word(std::string_view question, std::string_view word) {
    const bool is_beginning = word.ends_with('*');
    if (is_beginning) word.remove_suffix(1);
    for (std::size_t at = question.find(word); at != std::string_view::npos; at = question.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        const bool begins = at == 0 || !is_word_character(question[at - 1]);
        const bool ends = is_beginning || end == question.size() || !is_word_character(question[end]);
        if (begins && ends) return true;
    }
    return false;
}

}  // namespace

bool mentions(std::string_view question, std::string_view words) {
    while (!words.empty()) {
        const std::string_view word = words.substr(0, words.find('|'));
        words.remove_prefix(std::min(words.size(), word.size() + 1));
        if (mentions_word(question, word)) return true;
    }
    return false;
}

Json guidance_for(std::string_view question, std::size_t count_max) {
    Json rows = Json::array();
    for (const Subject& subject : kSubjects) {
        if (rows.size() < count_max && mentions(question, subject.words))
            rows.push_back({{"subject", subject.name}, {"text", subject.text}});
    }
    return rows;
}

}  // namespace chronos::mcp
