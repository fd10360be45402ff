// MCP over HTTP: each message is a POST, whose answer is JSON or a stream of events that ends with it.
// Source: MCP 2026-07-28 and 2025-11-25, "Streamable HTTP".
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "client/http_client.h"
#include "mcp/json_rpc.h"
#include "mcp_cli/transport.h"

namespace chronos::mcp_cli {
namespace {

bool is_response_to(const Json& message, const Json& request) {
    return message.is_object() && message.contains("id") && message["id"] == request["id"] &&
           (message.contains("result") || message.contains("error"));
}

/// The response among the events of a stream.
std::optional<Json> find_response(std::string_view stream, const Json& request) {
    std::string data;
    while (!stream.empty()) {
        const std::size_t end = std::min(stream.find('\n'), stream.size());
        std::string_view line = stream.substr(0, end);
        stream.remove_prefix(std::min(end + 1, stream.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with("data:")) {
            line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
            data += (data.empty() ? "" : "\n") + std::string(line);
            if (!stream.empty()) continue;
        }
        if (!line.empty() && !stream.empty()) continue;
        Json message = Json::parse(data, nullptr, false);
        data.clear();
        if (is_response_to(message, request)) return message;
    }
    return std::nullopt;
}

class HttpTransport final : public Transport {
public:
    explicit HttpTransport(std::unique_ptr<client::HttpClient> http) : http_(std::move(http)) {}

    Result<Json> request(const Json& message, const MessageHeaders& headers) override {
        constexpr int kUnauthorized = 401;
        ASSIGN_OR_RETURN(const client::HttpReply reply, send(message, headers));
        if (reply.status == kUnauthorized)
            return base::fail(ErrorCode::kInvalidArgument,
                              http_->url() +
                                  " does not know the API key, or got none: name one with --api-key-file, "
                                  "or in CHRONOS_API_KEY");
        Json answer = Json::parse(reply.body, nullptr, false);
        if (is_response_to(answer, message)) return answer;
        // An answer to a request whose id the server could not read.
        if (answer.is_object() && answer.contains("error") && answer["error"].is_object()) return answer;
        if (auto found = find_response(reply.body, message)) return std::move(*found);
        if (reply.status >= 400) return client::error_of(reply);
        return base::fail(ErrorCode::kIo, http_->url() + "/mcp answered " + std::to_string(reply.status) +
                                              " and no JSON-RPC: " + base::shortened(reply.body, 100));
    }

    Status notify(const Json& message, const MessageHeaders& headers) override {
        const Result<client::HttpReply> reply = send(message, headers);
        return reply.ok() ? Status() : Status(reply.error());
    }

private:
    Result<client::HttpReply> send(const Json& message, const MessageHeaders& headers) {
        client::HttpRequest request{.method = "POST", .target = "/mcp", .body = mcp::text_of(message)};
        request.headers.emplace_back("Accept: application/json, text/event-stream");
        if (!headers.protocol_version.empty())
            request.headers.push_back("MCP-Protocol-Version: " + headers.protocol_version);
        if (!headers.method.empty()) request.headers.push_back("Mcp-Method: " + headers.method);
        if (!headers.name.empty()) request.headers.push_back("Mcp-Name: " + headers.name);
        if (!session_.empty()) request.headers.push_back("Mcp-Session-Id: " + session_);
        Result<client::HttpReply> reply = http_->send(request);
        if (reply.ok() && !reply->mcp_session.empty()) session_ = reply->mcp_session;
        return reply;
    }

    std::unique_ptr<client::HttpClient> http_;
    std::string session_;  ///< Of the legacy era.
};

}  // namespace

Result<std::unique_ptr<Transport>> http_transport(const client::ClientOptions& options) {
    ASSIGN_OR_RETURN(std::unique_ptr<client::HttpClient> http, client::HttpClient::open(options));
    return std::unique_ptr<Transport>(std::make_unique<HttpTransport>(std::move(http)));
}

}  // namespace chronos::mcp_cli
