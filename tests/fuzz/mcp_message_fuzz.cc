// Messages of MCP: whatever comes in, a request is answered by one line of JSON that names it, and nothing is changed
// by a caller who may only read.
//
//     input: one byte: bit 0 legacy era; then a message
#include <optional>

#include "chronos/store.h"
#include "fuzz/fuzz.h"
#include "io/posix/posix_environment.h"
#include "mcp/dispatcher.h"
#include "mcp/protocol.h"

namespace chronos::fuzz {
namespace {

using mcp::Json;

/// Made once: a few events, and a server that speaks of them.
struct World {
    World() : dispatcher({.version = "1"}, io::posix_environment()) {
        Result<Store> opened = Store::open({.in_memory = true});
        FUZZ_CHECK(opened.ok(), "a store in memory cannot be opened");
        store.emplace(*std::move(opened));
        BatchBuilder batch;
        batch.add({.entity_id = "order:1", .event_type = "order.placed", .payload = R"({"total":42})"});
        batch.add({.entity_id = "order:1", .event_type = "order.paid", .payload = R"({"paid":true})"});
        FUZZ_CHECK(store->append(std::move(batch)).ok(), "events cannot be appended");
        endpoint = client::endpoint_over(*store, "memory");
        dispatcher.offers() = mcp::offers_of(mcp::store_catalog(), dispatcher.seal());
    }

    std::optional<Store> store;
    std::unique_ptr<client::Endpoint> endpoint;
    mcp::Dispatcher dispatcher;
};

World& world() {
    static World made;
    return made;
}

mcp::Client client_of(const mcp::Message& message, bool is_legacy, std::optional<mcp::RpcError>& error) {
    const access::Principal reader{.key_id = "k", .name = "f", .tenant = "default", .scopes = {access::Scope::kRead}};
    if (is_legacy) return mcp::Dispatcher::legacy_client(message, reader);
    auto client = world().dispatcher.modern_client(message, reader);
    if (const auto* wrong = std::get_if<mcp::RpcError>(&client)) {
        error = *wrong;
        return {};
    }
    return std::get<mcp::Client>(client);
}

void check_line(const Json& answer, const Json& id) {
    const std::string line = mcp::text_of(answer);
    FUZZ_CHECK(line.find('\n') == std::string::npos, "an answer has a line end in it");
    const mcp::Parsed again = mcp::parse_message(line);
    // Without an id, which could not be read, it is none that anybody sends us.
    const bool is_message = id.is_null() ? Json::accept(line) : !again.error;
    FUZZ_CHECK(is_message || line.size() > 100'000, "an answer is no message: " + line);
    FUZZ_CHECK(mcp::member(answer, "id") == id, "an answer names another request");
}

void check(std::string_view text, bool is_legacy) {
    const mcp::Parsed parsed = mcp::parse_message(text);
    if (parsed.error) return check_line(mcp::error_message(parsed.message.id, *parsed.error), parsed.message.id);
    if (parsed.message.kind != mcp::Message::Kind::kRequest) return;
    std::optional<mcp::RpcError> error;
    mcp::Client client = client_of(parsed.message, is_legacy, error);
    if (error) return check_line(mcp::error_message(parsed.message.id, *error), parsed.message.id);
    mcp::Exchange exchange(
        parsed.message, std::move(client),
        {.send = [](const Json& sent) { FUZZ_CHECK(!sent.contains("result"), "an answer comes out of turn"); },
         .ask = {},
         // Nothing is waited for.
         .is_cancelled = [] { return true; },
         .endpoint = []() -> Result<client::Endpoint*> { return world().endpoint.get(); },
         .pause = {}});
    check_line(world().dispatcher.answer(exchange), parsed.message.id);
    const auto view = world().store->view();
    FUZZ_CHECK(view.ok() && view->stats()->event_count == 2, "a reader has changed something");
}

std::string request(const std::string& method, Json params) {
    params["_meta"] = {{mcp::kMetaVersion, mcp::kModernVersion}, {mcp::kMetaCapabilities, Json::object()}};
    return std::string(1, '\0') + mcp::text_of(mcp::request_message(1, method, std::move(params)));
}

}  // namespace

Seeds seeds() {
    return {{"discover", request("server/discover", Json::object())},
            {"list", request("tools/list", {{"cursor", "dG9vbHM6MQ"}})},
            {"call", request("tools/call", {{"name", "overview"}, {"arguments", Json::object()}})},
            {"query", request("tools/call", {{"name", "query_events"}, {"arguments", {{"entity_id", "order:1"}}}})},
            {"state", request("tools/call", {{"name", "get_state"}, {"arguments", {{"entity_id", "order:1"}}}})},
            {"confirm", request("tools/call", {{"name", "fork_finish"}, {"requestState", "e30.AAAA"}})},
            {"read", request("resources/read", {{"uri", "chronos://entity/order:1"}})},
            {"complete", request("completion/complete", {{"ref", {{"type", "ref/prompt"}, {"name", "p"}}},
                                                         {"argument", {{"name", "a"}, {"value", "o"}}}})},
            {"legacy", std::string(1, '\1') + R"({"jsonrpc":"2.0","id":"a","method":"tools/list"})"},
            {"response", std::string(1, '\1') + R"({"jsonrpc":"2.0","id":"a","error":{"code":1,"message":""}})"}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    chronos::fuzz::check({reinterpret_cast<const char*>(data) + 1, size - 1}, (data[0] & 1U) != 0);
    return 0;
}
