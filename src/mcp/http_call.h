// One request over HTTP, whose answer is JSON if it is the first thing to be sent, and a stream of events if something
// comes before it or it takes a while.
//
// Threads: any.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "mcp/exchange.h"
#include "mcp/sse_stream.h"
#include "server/http/message.h"

namespace chronos::mcp {

class HttpCall : public std::enable_shared_from_this<HttpCall> {
public:
    struct Options {
        Era era = Era::kModern;
        /// The client takes server-sent events. Else what comes before the answer is left out.
        bool may_stream = true;
        /// It changes nothing, so another answer may stand in place of its own.
        bool is_read = false;
        /// Of the stream, if one is begun.
        SseStream::Options stream;
        /// Told of the stream when it begins, so that it can be taken up again; may be empty.
        std::function<void(const std::shared_ptr<SseStream>&)> on_stream;
        /// Where the metadata of this resource is, for answers that say what is missing.
        std::string metadata_url;
    };
    using Done = std::function<void(server::Response)>;

    HttpCall(Options options, std::int64_t began_ns, Done done)
        : options_(std::move(options)), began_ns_(began_ns), done_(std::move(done)) {}

    void send(const Json& message);
    /// The answer. Call once, last.
    void finish(const Json& message);
    /// Begins the stream if the answer has taken a while, so that both sides notice when the other is gone. False:
    /// there is no need to look again.
    bool begin_if_slow(std::int64_t now_ns);
    /// See SseStream::pause.
    void pause();
    [[nodiscard]] bool is_cancelled() const { return is_cancelled_.load(std::memory_order_relaxed); }
    void cancel() { is_cancelled_ = true; }

private:
    void begin_stream();

    const Options options_;
    const std::int64_t began_ns_;
    std::mutex mutex_;
    Done done_;                          ///< Null once the answer began. Guarded by mutex_.
    std::shared_ptr<SseStream> stream_;  ///< Guarded by mutex_.
    std::atomic<bool> is_cancelled_ = false;
};

/// An answer whose body is one message.
server::Response json_response(int status, const Json& message);
/// What a message that answers a request is sent with.
int status_of(const Json& message, Era era);

}  // namespace chronos::mcp
