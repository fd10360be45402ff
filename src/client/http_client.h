// A client of the server over HTTP: one connection, kept open, one request at a time.
//
// Threads: one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::client {

struct ClientOptions {
    std::string url;                     ///< http://host:port or https://host:port, without a path.
    std::string api_key;                 ///< Empty: none is sent.
    std::string ca_file;                 ///< Certificates to trust besides the system's, PEM; empty: none.
    std::int64_t answer_timeout_ms = 0;  ///< For a whole answer; 0: as long as it takes.
};

struct HttpRequest {
    std::string method = "GET";
    std::string target;  ///< Path and query, encoded.
    std::string body;
    std::vector<std::string> headers;  ///< "Name: value".
    /// Instead of `body`: fills some of the buffer, 0 at the end. Sent in pieces of any number.
    std::function<Result<std::size_t>(char* buffer, std::size_t size)> upload;
};

struct HttpReply {
    int status = 0;
    std::string body;
    std::string etag;
    std::string mcp_session;  ///< The header Mcp-Session-Id.
};

class HttpClient {
public:
    /// Errors: kInvalidArgument — not such a URL.
    static Result<std::unique_ptr<HttpClient>> open(const ClientOptions& options);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// Errors: kIo — the server cannot be reached, or the connection broke; the outcome of an append is unknown then.
    Result<HttpReply> send(const HttpRequest& request);

    /// The same, with the body of a good answer given out as it comes; false from `take` ends it. The reply's body is
    /// that of a bad answer. While waiting `take` is called with nothing, about once a second.
    Result<HttpReply> stream(const HttpRequest& request, const std::function<bool(std::string_view)>& take);

    [[nodiscard]] const std::string& url() const;
    /// Of the last request, told once; 0 where nothing was answered since.
    int take_status();

private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// As it stands in a path or query.
std::string percent_encoded(std::string_view text);

/// The error that a bad answer describes.
Error error_of(const HttpReply& reply);

}  // namespace chronos::client
