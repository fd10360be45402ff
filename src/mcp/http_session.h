// A session of the legacy era over HTTP: what was agreed on, and the streams that a client may take up again.
//
// Threads: any.
// Source: MCP 2025-11-25, "Transports", "Session Management".
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "mcp/legacy_session.h"
#include "mcp/service.h"
#include "mcp/sse_stream.h"

namespace chronos::mcp {

class HttpSession {
public:
    HttpSession(Client client, std::shared_ptr<client::Endpoint> endpoint);

    [[nodiscard]] LegacySession& legacy() { return legacy_; }
    /// The key that opened it: no other may use it.
    [[nodiscard]] const std::string& holder() const { return holder_; }
    [[nodiscard]] const std::shared_ptr<client::Endpoint>& endpoint() const { return endpoint_; }
    /// For what is sent without being asked.
    [[nodiscard]] const std::shared_ptr<SseStream>& standalone() const { return standalone_; }

    [[nodiscard]] SseStream::Options next_stream();
    void keep(const std::shared_ptr<SseStream>& stream);
    struct Place {
        std::shared_ptr<SseStream> stream;
        std::uint64_t next = 0;
    };
    /// Behind the event of this id, in the stream that it came on; nothing when that is not kept any more.
    [[nodiscard]] std::optional<Place> behind(std::string_view event_id);

    /// Has the subscriptions tell it what it subscribed to, from now on. Reads what is new of that, so not for a thread
    /// that others wait for. Does nothing once the session ended. False: there are as many listeners as may be.
    bool watch(Service& service);
    void end(Service& service);

    /// When it was used last, by the monotonic clock; guarded by the table that the session is in.
    std::int64_t used_ns = 0;

private:
    LegacySession legacy_;
    const std::string holder_;
    const std::shared_ptr<client::Endpoint> endpoint_;
    const std::shared_ptr<SseStream> standalone_;
    std::mutex watch_mutex_;  ///< One thread at a time watches; held while resources are read.
    std::mutex mutex_;
    std::deque<std::shared_ptr<SseStream>> streams_;  ///< Guarded by mutex_, like the rest.
    std::uint64_t last_stream_ = 0;
    std::uint64_t listener_ = 0;
    bool is_ended_ = false;
};

/// Sessions by their ids, which are random and no credentials.
class HttpSessions {
public:
    static constexpr std::size_t kMax = 1'000;
    static constexpr std::size_t kMaxPerHolder = 100;
    static constexpr std::int64_t kIdleNs = 3'600'000'000'000;

    explicit HttpSessions(Service& service) : service_(service) {}

    /// The id; empty: there are as many as may be. Of too many of one holder the one that was used least lately ends.
    std::string add(const std::shared_ptr<HttpSession>& session);
    /// Null: there is none, or it is somebody else's.
    std::shared_ptr<HttpSession> find(std::string_view id, std::string_view holder);
    void remove(std::string_view id);
    /// Ends those that were not used for an hour.
    void expire();
    void end_all();

private:
    using Sessions = std::unordered_map<std::string, std::shared_ptr<HttpSession>>;

    /// Takes out the session that was used least lately, if the holder has as many as it may; else null. Under mutex_.
    std::shared_ptr<HttpSession> make_room(const std::string& holder);

    Service& service_;
    std::mutex mutex_;
    Sessions sessions_;  ///< Guarded by mutex_.
};

/// What sessions and tokens of a principal are kept under.
std::string holder_of(const access::Principal& principal);

}  // namespace chronos::mcp
