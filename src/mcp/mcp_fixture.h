// What tests of this folder share: a world whose clock they move, a catalog with a tool of each kind, and requests.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "chronos/store.h"
#include "client/endpoint.h"
#include "io/posix/posix_environment.h"
#include "mcp/dispatcher.h"
#include "mcp/protocol.h"

namespace chronos::mcp {

class MovableClock final : public io::Clock {
public:
    std::int64_t wall_ns() override { return now_ns; }
    std::int64_t monotonic_ns() override { return now_ns; }
    std::int64_t now_ns = 1'000'000'000'000;
};

class TestWorld {
public:
    [[nodiscard]] io::Environment environment() {
        return {.files = posix_.files, .clock = clock, .random = posix_.random};
    }
    MovableClock clock;

private:
    io::Environment posix_ = io::posix_environment();
};

/// "echo" answers with its arguments, "write" takes the scope write, "drop" asks before it counts up.
inline Catalog test_catalog(int& drops) {
    Catalog catalog;
    catalog.instructions = "for tests";
    const Json object = {{"type", "object"}, {"additionalProperties", false}};
    Json echo = object;
    echo["properties"]["text"]["type"] = "string";
    const auto repeat = [](const Json& arguments, const std::optional<std::string>&, CallContext& context) {
        context.progress(1, 2, "half");
        return ToolAnswer{.structured = arguments};
    };
    const auto drop = [&drops](const Json&, const std::optional<std::string>& confirmed, CallContext&) {
        const std::string binding = std::to_string(drops);
        if (confirmed != binding)
            return ToolAnswer{
                .confirm = Confirmation{.message = "It will be gone.", .plan = {{"drops", 1}}, .binding = binding}};
        ++drops;
        return ToolAnswer{.structured = {{"dropped", true}}, .text = "dropped"};
    };
    catalog.tools.push_back({.name = "echo", .title = "", .description = "e", .input_schema = echo, .run = repeat});
    catalog.tools.push_back({.name = "write",
                             .title = "",
                             .description = "w",
                             .input_schema = object,
                             .scope = access::Scope::kWrite,
                             .run = repeat});
    catalog.tools.push_back(
        {.name = "drop", .title = "", .description = "d", .input_schema = object, .is_destructive = true, .run = drop});
    catalog.aliases.emplace_back("say", [](const Json& given) {
        return std::pair{std::string("echo"), Json{{"text", given.value("words", "")}}};
    });
    catalog.prompts.push_back({.name = "greet",
                               .title = "",
                               .description = "g",
                               .arguments = {{.name = "who", .description = "whom", .is_required = true}},
                               .text = [](const Json& arguments, CallContext&) -> Result<std::string> {
                                   return "Hello " + arguments["who"].get<std::string>();
                               }});
    catalog.list_resources = [](CallContext&) -> Result<std::vector<Resource>> {
        std::vector<Resource> all;
        for (int i = 0; i < 150; ++i) all.push_back({.uri = "test://" + std::to_string(i), .name = std::to_string(i)});
        return all;
    };
    catalog.read_resource = [](std::string_view uri, CallContext&) -> Result<ResourceContent> {
        if (uri != "test://0") return Error{.code = ErrorCode::kNotFound, .message = "no such"};
        return ResourceContent{.uri = "test://0", .mime_type = "text/plain", .text = "zero", .is_settled = true};
    };
    return catalog;
}

inline access::Principal principal(access::Scope scope = access::Scope::kRead, std::string key_id = "key") {
    return {.key_id = std::move(key_id), .name = "test", .tenant = "default", .scopes = {scope}};
}

/// A request of the modern era.
inline Message modern_request(std::string_view method, Json params = Json::object(),
                              Json capabilities = Json::object()) {
    params["_meta"][std::string(kMetaVersion)] = kModernVersion;
    params["_meta"][std::string(kMetaCapabilities)] = std::move(capabilities);
    return {.kind = Message::Kind::kRequest, .id = 1, .method = std::string(method), .params = std::move(params)};
}

/// A store in memory, opened when a test first asks for it.
class TestStore {
public:
    Result<client::Endpoint*> endpoint() {
        if (!store_) {
            Result<Store> store = Store::open({.in_memory = true});
            if (!store.ok()) return store.error();
            store_.emplace(*std::move(store));
            endpoint_ = client::endpoint_over(*store_, "test");
        }
        return endpoint_.get();
    }
    [[nodiscard]] Store& store() {
        (void)endpoint();
        return *store_;
    }

private:
    std::optional<Store> store_;
    std::unique_ptr<client::Endpoint> endpoint_;
};

}  // namespace chronos::mcp
