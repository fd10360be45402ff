// Messages on their way to a client as server-sent events, and the body of an answer that carries them.
//
// A stream of the modern era belongs to one answer and ends with it. One of the legacy era has a name: its events have
// ids, the last of them are kept, and a client that lost the connection goes on with another one behind the last it
// saw.
//
// Threads: any. A body belongs to its connection.
// Source: HTML Living Standard §9.2; MCP 2025-11-25, "Transports", "Resumability and Redelivery".
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "io/posix/event_fd.h"
#include "mcp/json_rpc.h"
#include "server/http/message.h"

namespace chronos::mcp {

class SseStream {
public:
    struct Options {
        std::string name;     ///< Empty: no ids, and nothing is kept.
        bool primes = false;  ///< Begins with an event without data, so that the client has an id from the start.
    };
    explicit SseStream(Options options);
    SseStream(const SseStream&) = delete;
    SseStream& operator=(const SseStream&) = delete;

    void send(const Json& message);
    /// Nothing more will come.
    void end();
    /// Ends the body that reads now, with what was sent so far; the stream goes on.
    void pause();
    [[nodiscard]] const std::string& name() const { return options_.name; }

    /// Where one body stands.
    struct Reader {
        std::unique_ptr<io::EventFd> wake;
        std::uint64_t next = 0;  ///< Number of the event it takes next.
        bool is_ended = false;   ///< Another one took its place, or the stream was paused.
    };
    /// From the event `from` on, or the first that is still kept. Who reads now ends. Errors: kIo — no descriptor.
    Result<std::shared_ptr<Reader>> attach(std::uint64_t from);
    server::BodyStream::Step take(Reader& reader, std::string& out);

private:
    void append(std::string event);

    const Options options_;
    std::mutex mutex_;
    std::deque<std::string> events_;  ///< Guarded by mutex_, like the rest.
    std::uint64_t first_ = 0;         ///< Number of the first of them.
    std::size_t bytes_ = 0;
    bool is_ended_ = false;
    bool has_overflowed_ = false;
    std::shared_ptr<Reader> reader_;
};

class SseBody final : public server::BodyStream {
public:
    struct Options {
        bool is_live = false;  ///< Goes on until somebody ends it.
        std::string farewell;  ///< The last message when the server stops; empty: none.
        /// Called when the body is gone. `complete`: it came to its end.
        std::function<void(bool complete)> on_gone;
    };
    SseBody(std::shared_ptr<SseStream> stream, std::shared_ptr<SseStream::Reader> reader, Options options)
        : stream_(std::move(stream)), reader_(std::move(reader)), options_(std::move(options)) {}
    ~SseBody() override {
        if (options_.on_gone) options_.on_gone(is_complete_);
    }
    SseBody(const SseBody&) = delete;
    SseBody& operator=(const SseBody&) = delete;

    Step next(std::string& out) override {
        const Step step = stream_->take(*reader_, out);
        is_complete_ = step == Step::kEnd;
        return step;
    }
    [[nodiscard]] int descriptor() const override { return reader_->wake->fd(); }
    [[nodiscard]] std::string_view heartbeat() const override { return ": still here\n\n"; }
    [[nodiscard]] bool is_live() const override { return options_.is_live; }
    [[nodiscard]] std::string farewell(Ending ending) const override;

private:
    std::shared_ptr<SseStream> stream_;
    std::shared_ptr<SseStream::Reader> reader_;
    Options options_;
    bool is_complete_ = false;
};

}  // namespace chronos::mcp
