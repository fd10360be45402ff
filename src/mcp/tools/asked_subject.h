// What a question in words names of a store: entities, event types, fields and times.
//
// Words are looked for, nothing is understood. A word that is the end of a type names that type and none that is only
// spelled nearly so.
//
// Threads: free functions.
#pragma once

#include <string>
#include <vector>

#include "client/endpoint.h"
#include "mcp/tools/asked_time.h"
#include "mcp/tools/call_plan.h"

namespace chronos::mcp {

/// The types that one word of the question names, the one with most events first.
struct NamedTypes {
    std::vector<std::string> types;
    bool is_denied = false;  ///< It stands behind "never", "not" or "without".
};

struct AskedSubject {
    std::vector<std::string> entities;
    std::vector<NamedTypes> named;         ///< In the order of the words.
    std::vector<std::string> event_types;  ///< All of `named`.
    std::vector<std::string> types_not_there;
    std::string kind;   ///< What the ids of the entities begin with that are named as a kind: "order:".
    std::string field;  ///< JSON pointer; of numbers where something is calculated.
    std::string by;     ///< How it is grouped: a word that aggregate takes, or a JSON pointer; empty: it is not said.
    std::string sum_type;            ///< Of several types with the field the one to add up.
    std::vector<std::string> dates;  ///< As the question has them.
    AskedTime time;
    bool is_denied = false;  ///< Something is said not to have happened.
};

Result<AskedSubject> asked_subject(const client::EndpointView& view, const Question& question);

/// "cost per day" of "/money/cost_per_day".
std::string spoken(const std::string& pointer);

}  // namespace chronos::mcp
