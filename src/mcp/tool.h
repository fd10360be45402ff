// What agents can call, read and be prompted with, as values: the protocol knows nothing of what they do.
//
// Threads: a catalog is filled before the first request and read by all threads afterwards; what it holds must be
// callable from any thread.
#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/principal.h"
#include "chronos/result.h"

namespace chronos::client {
class Endpoint;
}

namespace chronos::mcp {

using Json = nlohmann::ordered_json;

/// One call on its way: who asks, of which store, and how to speak to them meanwhile.
struct CallContext {
    const access::Principal& principal;
    client::Endpoint& endpoint;
    /// Reports progress where the caller asked for it, else does nothing. Units are the tool's own.
    std::function<void(double done, double total, std::string_view message)> progress;
    /// Whether the caller went away or gave up.
    std::function<bool()> is_cancelled;
};

/// What a tool asks to be confirmed before it does it.
struct Confirmation {
    std::string message;  ///< For a person: what will happen.
    Json plan;            ///< The same for a program.
    std::string binding;  ///< What the plan holds for, such as both heads; compared when it is confirmed.
};

struct ToolAnswer {
    Json structured;        ///< Must match the tool's output schema unless is_error.
    std::string text;       ///< Compact text for models; empty: the structured JSON itself.
    bool is_error = false;  ///< The call was understood and cannot be done; `structured`/`text` say what to try next.
    std::vector<std::pair<std::string, std::string>> links;  ///< Name and URI of resources to look at.
    std::optional<Confirmation> confirm;                     ///< Instead of an answer.
};

struct Tool {
    std::string name;
    std::string title;
    std::string description;
    Json input_schema;
    Json output_schema;  ///< null: none
    access::Scope scope = access::Scope::kRead;
    bool is_destructive = false;
    bool is_idempotent = false;
    /// `confirmed`: the binding that the caller confirmed, absent at the first call. The arguments match the input
    /// schema's types.
    std::function<ToolAnswer(const Json& arguments, const std::optional<std::string>& confirmed, CallContext& context)>
        run;
    /// Which entity alone a call with these arguments looks at, on main and now; empty: it may look at more, or wait.
    /// The arguments are not checked yet.
    std::function<std::string(const Json& arguments)> entity_of;
};

struct ResourceContent {
    std::string uri;
    std::string mime_type;
    std::string text;
    bool is_settled = false;  ///< The same URI has the same content, unless something is erased.
};
struct Resource {
    std::string uri;
    std::string name;
    std::string title;
    std::string description;
    std::string mime_type;
};
struct ResourceTemplate {
    std::string uri_template;
    std::string name;
    std::string title;
    std::string description;
    std::string mime_type;
};
struct PromptArgument {
    std::string name;
    std::string description;
    bool is_required = false;
};
struct Prompt {
    std::string name;
    std::string title;
    std::string description;
    std::vector<PromptArgument> arguments;
    std::function<Result<std::string>(const Json& arguments, CallContext& context)> text;
};

struct Catalog {
    std::string instructions;
    std::vector<Tool> tools;
    /// Names that are accepted when called and not listed: old name to a function that gives the new name and
    /// arguments.
    std::vector<std::pair<std::string, std::function<std::pair<std::string, Json>(const Json&)>>> aliases;
    std::vector<ResourceTemplate> templates;
    std::vector<Prompt> prompts;
    std::function<Result<std::vector<Resource>>(CallContext&)> list_resources;
    std::function<Result<ResourceContent>(std::string_view uri, CallContext&)> read_resource;
    /// Values that may complete argument `name` of a prompt or template (`reference`), beginning with `prefix`; at most
    /// 100.
    std::function<std::vector<std::string>(std::string_view reference, std::string_view name, std::string_view prefix,
                                           CallContext&)>
        complete;
};

/// The tools, resources and prompts of a store. (Defined in tools/catalog.cc.)
Catalog store_catalog();

}  // namespace chronos::mcp
