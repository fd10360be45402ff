// From a question in words to the calls that answer it, with what they cost in this store.
//
// Words are looked for, nothing is understood: names of entities and event types that the question holds, and words
// such as "why", "how long" and "as of" that go with a tool.
//
// Threads: free functions.
#pragma once

#include <string>

#include "client/endpoint.h"
#include "mcp/tools/type_sample.h"

namespace chronos::mcp {

struct Question {
    const std::string& question;
    const std::string& lower_question;
    const Stats& stats;
    const TypeSample& sample;
};

struct CallPlan {
    Json steps = Json::array();  ///< {tool, why, rows, tokens}; sentences and numbers of the program.
    Json calls = Json::array();  ///< The arguments of each step. They hold stored names: untrusted.
    Json event_types = Json::array(), entities = Json::array();  ///< What the question may be about. Untrusted.
    Json notes = Json::array();  ///< What the steps do not do; sentences of the program.
};

Result<CallPlan> plan_calls(const client::EndpointView& view, const Question& question);

std::uint64_t tokens_per_event(const TypeSample& sample);

}  // namespace chronos::mcp
