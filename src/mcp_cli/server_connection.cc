// A server of MCP, of either era: first the requests of today, which open nothing; then, where they are not understood,
// the handshake of before.
// Source: MCP 2026-07-28, "Versioning and Compatibility"; 2025-11-25, "Lifecycle".
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "mcp/json_rpc.h"
#include "mcp_cli/connection.h"
#include "mcp_cli/transport.h"
#include "server/version.h"

namespace chronos::mcp_cli {
namespace {

constexpr std::string_view kModern = "2026-07-28";
constexpr std::string_view kLegacy = "2025-11-25";
constexpr std::string_view kMeta = "io.modelcontextprotocol/";

class ServerConnection final : public Connection {
public:
    /// `where_scopes_come_from`: said where a scope is missing.
    ServerConnection(std::unique_ptr<Transport> transport, std::string where_scopes_come_from)
        : transport_(std::move(transport)), where_scopes_come_from_(std::move(where_scopes_come_from)) {}

    Status open() {
        const Result<Json> discovered = ask("server/discover", Json::object(), "");
        if (discovered.ok()) return {};
        // What cannot be reached, or lets nobody in, does not become better in another era.
        if (!was_answered_ || is_refused_) return discovered.error();
        is_legacy_ = true;
        ASSIGN_OR_RETURN(
            const Json welcome,
            ask("initialize",
                {{"protocolVersion", kLegacy}, {"capabilities", Json::object()}, {"clientInfo", client_info()}}, ""));
        version_ = welcome.value("protocolVersion", std::string(kLegacy));
        return transport_->notify({{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}},
                                  {.protocol_version = version_});
    }

    Result<Json> tools() override {
        Json all = Json::array();
        Json parameters = Json::object();
        for (;;) {
            ASSIGN_OR_RETURN(Json page, ask("tools/list", parameters, ""));
            for (Json& tool : page["tools"]) all.push_back(std::move(tool));
            const std::string cursor = page.value("nextCursor", "");
            if (cursor.empty()) return all;
            parameters["cursor"] = cursor;
        }
    }

    Result<CallResult> call(const std::string& name, const Json& arguments) override {
        ASSIGN_OR_RETURN(const Json answer, ask("tools/call", {{"name", name}, {"arguments", arguments}}, name));
        CallResult result{.is_error = answer.value("isError", false)};
        if (answer.contains("structuredContent")) result.structured = answer["structuredContent"];
        if (answer.contains("content") && answer["content"].is_array()) {
            for (const Json& content : answer["content"]) {
                if (content.value("type", "") == "text") result.text += content.value("text", "");
            }
        }
        // Errors come as text alone; ours is JSON.
        if (result.structured.is_null()) {
            Json parsed = Json::parse(result.text, nullptr, false);
            if (parsed.is_object()) result.structured = std::move(parsed);
        }
        return result;
    }

private:
    static Json client_info() { return {{"name", "mcp-cli"}, {"version", std::string(server::kVersion)}}; }

    /// The result of a request. Errors: also those that the server answers.
    Result<Json> ask(std::string_view method, Json parameters, const std::string& name) {
        MessageHeaders headers;
        if (is_legacy_) {
            headers.protocol_version = version_;
        } else {
            headers = {.protocol_version = std::string(kModern), .method = std::string(method), .name = name};
            parameters["_meta"] = {{std::string(kMeta) + "protocolVersion", kModern},
                                   {std::string(kMeta) + "clientCapabilities", Json::object()},
                                   {std::string(kMeta) + "clientInfo", client_info()}};
        }
        const Json message = {
            {"jsonrpc", "2.0"}, {"id", ++last_id_}, {"method", method}, {"params", std::move(parameters)}};
        Result<Json> response = transport_->request(message, headers);
        if (!response.ok()) {
            is_refused_ = response.error().code != ErrorCode::kIo && response.error().code != ErrorCode::kNotFound;
            return response;
        }
        was_answered_ = true;
        if (response->contains("result") && (*response)["result"].is_object()) return (*response)["result"];
        const Json error = response->value("error", Json::object());
        const int code = error.is_object() ? error.value("code", 0) : 0;
        const std::string text = error.is_object() ? error.value("message", "no message") : "no message";
        const bool is_callers = code == mcp::kInvalidParams || code == mcp::kScopeMissing;
        return base::fail(is_callers ? ErrorCode::kInvalidArgument : ErrorCode::kIo,
                          "the server answered: " + base::shortened(text, 500) +
                              (code == mcp::kScopeMissing ? "; " + where_scopes_come_from_ : ""));
    }

    std::unique_ptr<Transport> transport_;
    const std::string where_scopes_come_from_;
    bool is_legacy_ = false;
    bool was_answered_ = false;
    bool is_refused_ = false;
    std::string version_;
    std::uint64_t last_id_ = 0;
};

}  // namespace

Result<std::unique_ptr<Connection>> connect_to(app::Program& program, const std::string& command) {
    std::unique_ptr<Transport> transport;
    if (!command.empty()) {
        ASSIGN_OR_RETURN(transport, start_server(command));
    } else if (!program.common.url.empty()) {
        ASSIGN_OR_RETURN(const client::ClientOptions options, app::client_options(program));
        ASSIGN_OR_RETURN(transport, http_transport(options));
    } else {
        return open_directory(program);
    }
    auto connection = std::make_unique<ServerConnection>(
        std::move(transport), command.empty() ? "take an API key that has it"
                                              : "let --command start the server with it, as 'chronos mcp --scope "
                                                "write:forks'");
    RETURN_IF_ERROR(connection->open());
    return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace chronos::mcp_cli
