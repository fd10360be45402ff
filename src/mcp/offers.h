// What a server offers, in the form in which the protocol speaks of it. Made of a catalog of the store (offers_of), and
// of fixtures for the official suite of tests (conformance_fixtures.h).
//
// Threads: filled before the first request; read by all threads afterwards.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "access/principal.h"
#include "mcp/exchange.h"
#include "mcp/seal.h"

namespace chronos::mcp {

struct ToolOffer {
    Json listing;  ///< name, title, description, inputSchema, outputSchema, annotations
    access::Scope scope = access::Scope::kRead;
    /// Arguments were not checked yet.
    std::function<Reply(Exchange&, Json arguments)> call;
    /// As in Tool.
    std::function<std::string(const Json& arguments)> entity_of = {};
};

struct PromptOffer {
    Json listing;  ///< name, title, description, arguments
    std::function<Reply(Exchange&, const Json& arguments)> get;
};

struct Offers {
    std::string instructions;
    std::vector<ToolOffer> tools;
    /// Names of old, which are not listed: into a name of today and its arguments.
    std::vector<std::pair<std::string, std::function<std::pair<std::string, Json>(const Json&)>>> aliases;
    std::vector<PromptOffer> prompts;
    std::vector<Json> templates;  ///< Of resources.
    /// Direct resources, in a fixed order.
    std::vector<std::function<Result<std::vector<Json>>(Exchange&)>> resource_lists;
    /// Each answers, or says nothing of a URI that is not its own. The reply is {"contents": […]}, with "ttlMs" beside
    /// it if it keeps for long.
    std::vector<std::function<std::optional<Reply>(Exchange&, std::string_view uri)>> readers;
    /// Values for an argument of a prompt or a template; reference: its name or URI template.
    std::vector<std::function<std::vector<std::string>(Exchange&, std::string_view reference, std::string_view name,
                                                       std::string_view prefix)>>
        completers;
    /// The lists of tools and prompts change while the server runs.
    bool are_lists_changing = false;
};

/// The tools, resources and prompts of a catalog. `seal` makes the tokens by which plans are confirmed.
Offers offers_of(Catalog catalog, Seal& seal);

/// [{"type": "text", "text": …}]
Json text_content(std::string_view text);

}  // namespace chronos::mcp
