#include "mcp/http_session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "access/api_key.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kStreamsKept = 16;
/// Streams of requests are numbered from 1.
constexpr std::string_view kStandalone = "0";

}  // namespace

std::string holder_of(const access::Principal& principal) { return principal.tenant + "/" + principal.key_id; }

HttpSession::HttpSession(Client client, std::shared_ptr<client::Endpoint> endpoint)
    : legacy_(client),
      holder_(holder_of(client.principal)),
      endpoint_(std::move(endpoint)),
      standalone_(std::make_shared<SseStream>(SseStream::Options{.name = std::string(kStandalone)})) {}

SseStream::Options HttpSession::next_stream() {
    // Clients of older revisions take every event for a message.
    const bool primes = legacy_.client().version == "2025-11-25";
    const std::lock_guard lock(mutex_);
    return {.name = std::to_string(++last_stream_), .primes = primes};
}

void HttpSession::keep(const std::shared_ptr<SseStream>& stream) {
    const std::lock_guard lock(mutex_);
    streams_.push_back(stream);
    if (streams_.size() > kStreamsKept) streams_.pop_front();
}

std::optional<HttpSession::Place> HttpSession::behind(std::string_view event_id) {
    const std::size_t line = event_id.find('_');
    if (line == std::string_view::npos) return std::nullopt;
    const std::string_view name = event_id.substr(0, line);
    std::uint64_t number = 0;
    const char* end = event_id.data() + event_id.size();
    if (std::from_chars(event_id.data() + line + 1, end, number).ptr != end) return std::nullopt;
    if (name == kStandalone) return Place{.stream = standalone_, .next = number + 1};
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(streams_.begin(), streams_.end(), [name](const auto& stream) { return stream->name() == name; });
    if (found == streams_.end()) return std::nullopt;
    return Place{.stream = *found, .next = number + 1};
}

bool HttpSession::watch(Service& service) {
    const std::lock_guard watching(watch_mutex_);
    std::uint64_t listener = 0;
    {
        const std::lock_guard lock(mutex_);
        if (is_ended_) return true;
        listener = listener_;
    }
    if (listener != 0) {
        service.subscriptions().set_filter(listener, legacy_.filter());
        return true;
    }
    const auto endpoint = [shared = endpoint_]() -> Result<client::Endpoint*> { return shared.get(); };
    listener =
        service.subscriptions().add(service.listener(legacy_.filter(), legacy_.client().principal, endpoint,
                                                     [stream = standalone_](std::string_view method, Json params) {
                                                         stream->send(notification_message(method, std::move(params)));
                                                     }));
    {
        const std::lock_guard lock(mutex_);
        if (!is_ended_) {
            listener_ = listener;
            return listener != 0;
        }
    }
    // It ended while resources were read, and did not know of the listener.
    service.subscriptions().remove(listener);
    return true;
}

void HttpSession::end(Service& service) {
    legacy_.close();
    standalone_->end();
    std::uint64_t listener = 0;
    {
        const std::lock_guard lock(mutex_);
        is_ended_ = true;
        listener = std::exchange(listener_, 0);
    }
    if (listener != 0) service.subscriptions().remove(listener);
}

std::string HttpSessions::add(const std::shared_ptr<HttpSession>& session) {
    std::array<std::byte, 16> random{};
    service_.world().random.fill(random);
    std::string id = access::hex_of(random);
    std::shared_ptr<HttpSession> left;
    {
        const std::lock_guard lock(mutex_);
        left = make_room(session->holder());
        if (sessions_.size() >= kMax) return {};
        session->used_ns = service_.world().clock.monotonic_ns();
        sessions_.emplace(id, session);
    }
    if (left) left->end(service_);
    return id;
}

std::shared_ptr<HttpSession> HttpSessions::make_room(const std::string& holder) {
    std::size_t count = 0;
    auto oldest = sessions_.end();
    for (auto entry = sessions_.begin(); entry != sessions_.end(); ++entry) {
        if (entry->second->holder() != holder) continue;
        ++count;
        if (oldest == sessions_.end() || entry->second->used_ns < oldest->second->used_ns) oldest = entry;
    }
    if (count < kMaxPerHolder) return nullptr;
    std::shared_ptr<HttpSession> session = std::move(oldest->second);
    sessions_.erase(oldest);
    return session;
}

std::shared_ptr<HttpSession> HttpSessions::find(std::string_view id, std::string_view holder) {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(std::string(id));
    if (found == sessions_.end() || found->second->holder() != holder) return nullptr;
    found->second->used_ns = service_.world().clock.monotonic_ns();
    return found->second;
}

void HttpSessions::remove(std::string_view id) {
    std::shared_ptr<HttpSession> session;
    {
        const std::lock_guard lock(mutex_);
        const auto found = sessions_.find(std::string(id));
        if (found == sessions_.end()) return;
        session = std::move(found->second);
        sessions_.erase(found);
    }
    session->end(service_);
}

void HttpSessions::expire() {
    std::vector<std::shared_ptr<HttpSession>> expired;
    {
        const std::lock_guard lock(mutex_);
        const std::int64_t now = service_.world().clock.monotonic_ns();
        std::erase_if(sessions_, [&](auto& entry) {
            if (now - entry.second->used_ns < kIdleNs) return false;
            expired.push_back(std::move(entry.second));
            return true;
        });
    }
    for (const auto& session : expired) session->end(service_);
}

void HttpSessions::end_all() {
    Sessions sessions;
    {
        const std::lock_guard lock(mutex_);
        sessions.swap(sessions_);
    }
    for (const auto& [id, session] : sessions) session->end(service_);
}

}  // namespace chronos::mcp
