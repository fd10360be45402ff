// A request that came in and the response that goes out, free of any library's types.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::server {

struct Header {
    std::string name;
    std::string value;
};

struct Request {
    std::string method;           ///< "GET"
    std::string path;             ///< As sent, percent-encoded, without the query.
    std::string query;            ///< Behind the '?', as sent.
    std::vector<Header> headers;  ///< Names in lower case, in the order they came.
    std::string body;
    std::string peer;  ///< Address of the client, without port.
    /// W3C trace id, 32 hexadecimal digits: the client's or a new one.
    std::string trace_id;

    /// The first of this name, which is in lower case; empty when there is none.
    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] bool has_header(std::string_view name) const;
};

/// A body that is made piece by piece while it is sent.
class BodyStream {
public:
    enum class Step : std::uint8_t {
        kMore,  ///< `out` has a piece; ask again.
        kWait,  ///< Nothing now: ask again when `descriptor` is readable.
        kEnd,   ///< That was all; `out` may have a last piece.
    };

    enum class Ending : std::uint8_t {
        kDraining,  ///< The server stops.
        kRevoked,   ///< The key it was asked with is no longer valid.
        /// What all connections hold left no room for its next piece for too long; only where `piece_bytes` is not 0.
        kOverloaded,
    };

    BodyStream() = default;
    BodyStream(const BodyStream&) = delete;
    BodyStream& operator=(const BodyStream&) = delete;
    virtual ~BodyStream() = default;

    /// Appends the next piece to `out`, which is empty. Called on a worker thread, never twice at once.
    virtual Step next(std::string& out) = 0;
    /// About how large a piece is, where it is large: then none is made before there is room for it among the answers
    /// that wait to be taken. 0: small, and made in any case.
    [[nodiscard]] virtual std::size_t piece_bytes() const { return 0; }
    /// What to wait on after kWait; owned by the stream.
    [[nodiscard]] virtual int descriptor() const { return -1; }
    /// Sent while waiting, now and then, so that both sides notice when the other is gone.
    [[nodiscard]] virtual std::string_view heartbeat() const { return {}; }
    /// Goes on until somebody ends it, so a server that stops ends it at once.
    [[nodiscard]] virtual bool is_live() const { return false; }
    /// The last piece when the server ends it. Empty: it is broken off, so that nobody takes it for complete.
    [[nodiscard]] virtual std::string farewell(Ending ending) const {
        (void)ending;
        return {};
    }
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<Header> headers;
    std::string body;
    /// Instead of `body`.
    std::unique_ptr<BodyStream> stream;
    /// Nothing was done that another answer in its place would hide, whatever the method.
    bool is_of_read = false;

    void add_header(std::string name, std::string value) {
        headers.push_back({.name = std::move(name), .value = std::move(value)});
    }
};

/// A request body that is taken while it comes in.
class Upload {
public:
    Upload() = default;
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;
    virtual ~Upload() = default;

    /// Takes the next bytes. Called on a worker thread, never twice at once. False: the rest is not wanted.
    virtual bool take(std::string_view bytes) = 0;
    enum class End : std::uint8_t {
        kComplete,
        kBrokenOff,  ///< By the client, or by itself: take answered false.
        kTooSlow,
        kRevoked,  ///< The key it came with is no longer valid.
    };
    /// The answer.
    virtual Response finish(End end) = 0;
};

/// "Not Found" for 404.
std::string_view reason_phrase(int status);

}  // namespace chronos::server
