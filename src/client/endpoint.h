// A store that a command works on: one in a directory of this machine, or one behind a server. Same questions, same
// answers, same errors.
//
//     ASSIGN_OR_RETURN(auto endpoint, connect({.url = "http://127.0.0.1:3900", .api_key = key}));
//     ASSIGN_OR_RETURN(auto view, endpoint->view({.as_of = then}));
//     ASSIGN_OR_RETURN(State state, view->state("order:1", {}));
//
// Threads: one. Errors: those of the store; kIo where a server cannot be reached.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/store.h"
#include "client/http_client.h"

namespace chronos::client {

/// Events and the memory they live in.
class EventPage {
public:
    /// Valid until the page is read into again or destroyed.
    [[nodiscard]] const std::vector<EventView>& events() const { return is_local_ ? page_.events() : events_; }
    [[nodiscard]] const std::string& next_cursor() const { return is_local_ ? page_.next_cursor() : next_cursor_; }
    [[nodiscard]] bool has_more() const { return is_local_ ? page_.has_more() : has_more_; }

    /// What the store of this machine reads into.
    Page& local() {
        is_local_ = true;
        return page_;
    }
    /// What came from a server.
    void hold(std::vector<Event> events, std::string next_cursor, bool has_more);

private:
    bool is_local_ = false;
    Page page_;
    std::vector<Event> owned_;
    std::vector<std::string> tags_;
    std::vector<EventView> events_;
    std::string next_cursor_;
    bool has_more_ = false;
};

class EndpointView {
public:
    EndpointView() = default;
    EndpointView(const EndpointView&) = delete;
    EndpointView& operator=(const EndpointView&) = delete;
    virtual ~EndpointView() = default;

    [[nodiscard]] virtual ViewInfo info() const = 0;
    virtual Status read(const ReadOptions& options, EventPage& page) const = 0;
    virtual Status read_entity(std::string_view entity_id, const EntityReadOptions& options, EventPage& page) const = 0;
    /// The event with this id. Errors: kNotFound.
    virtual Status read_event(const Uuid& id, EventPage& page) const = 0;
    virtual Result<State> state(std::string_view entity_id, const StateOptions& options = {}) const = 0;
    virtual Result<std::vector<HistoryEntry>> history(std::string_view entity_id,
                                                      const StateOptions& options = {}) const = 0;
    /// Requires: `before` is of the same endpoint.
    virtual Result<Changes> changes(const EndpointView& before, const ChangesOptions& options = {}) const = 0;
    virtual Result<std::vector<std::string>> entities(std::string_view prefix, std::string_view after,
                                                      std::uint32_t limit) const = 0;
    virtual Result<Stats> stats() const = 0;
    virtual Result<std::uint64_t> count(const Filter& filter) const = 0;
};

class Endpoint {
public:
    Endpoint() = default;
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;
    virtual ~Endpoint() = default;

    /// The store of a directory, for what only it can do; null behind a server.
    virtual Store* local() = 0;
    /// "data" or "http://127.0.0.1:3900", for messages.
    [[nodiscard]] virtual const std::string& name() const = 0;

    /// Of the last request to a server, told once: whether it was the credential that it refused (401, 403). Else 0.
    virtual int take_status() { return 0; }

    virtual Result<AppendResult> append(BatchBuilder&& batch, const AppendOptions& options) = 0;
    virtual Result<std::unique_ptr<EndpointView>> view(const ViewOptions& options = {}) const = 0;

    virtual Result<ForkInfo> create_fork(const ForkOptions& options) = 0;
    virtual Result<ForkInfo> fork(std::string_view id_or_name) const = 0;
    virtual Result<std::vector<ForkInfo>> forks(const ForkListOptions& options = {}) const = 0;
    virtual Result<ForkInfo> extend_fork(std::string_view id_or_name, std::int64_t ttl_ns) = 0;
    virtual Result<ForkInfo> discard_fork(std::string_view id_or_name) = 0;
    virtual Result<MergeResult> merge_fork(std::string_view id_or_name, const MergeOptions& options = {}) = 0;
    /// Against where it began, or against the head of `branch`.
    virtual Result<Changes> fork_changes(const ForkInfo& fork, const std::string& branch,
                                         const ChangesOptions& options = {}) const = 0;
    virtual Status close() = 0;
};

std::unique_ptr<Endpoint> endpoint_of(Store store, std::string directory);
/// Of a store that somebody else opened and closes; it must outlive the endpoint. Threads: any, like the store.
std::unique_ptr<Endpoint> endpoint_over(Store& store, std::string name);
/// Errors: kInvalidArgument — no such URL. Whether a server is there shows at the first question.
Result<std::unique_ptr<Endpoint>> connect(const ClientOptions& options);

}  // namespace chronos::client
