// What both transports stand on: the dispatcher, the threads that requests run on, and who is told of changes.
//
//     Service service({.version = …}, world, endpoints);
//     StdioServer(service, …) or HttpTransport(service, …)
//     service.stop();                          // before the store is closed
//
// Threads: any, after construction.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/endpoint.h"
#include "io/environment.h"
#include "mcp/dispatcher.h"
#include "mcp/executor.h"
#include "mcp/subscriptions.h"

namespace chronos::mcp {

struct ServiceOptions {
    std::string version;
    Executor::Limits threads = {};
    /// What the official suite of tests calls, besides what the store offers.
    bool with_conformance_fixtures = false;
};

class Service {
public:
    /// The store, for the calling thread alone.
    using EndpointSource = std::function<Result<client::Endpoint*>()>;

    /// `world` must outlive the service.
    Service(const ServiceOptions& options, io::Environment world);
    ~Service() { stop(); }
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    [[nodiscard]] Dispatcher& dispatcher() { return dispatcher_; }
    [[nodiscard]] Subscriptions& subscriptions() { return subscriptions_; }
    [[nodiscard]] Executor& executor() { return executor_; }
    [[nodiscard]] io::Environment world() const { return world_; }
    [[nodiscard]] bool is_stopping() const { return is_stopping_.load(std::memory_order_relaxed); }

    /// Calls `look` from time to time, until the service stops: ten times a second for as long as it answers that there
    /// is something to wait for, else about once a minute. Before the first request.
    void set_look(std::function<bool()> look);
    /// There is something to wait for now.
    void wake();

    /// Whether a request is answered at once, without the store and without waiting.
    static bool is_quick(std::string_view method);
    /// What subscriptions/listen asks for, without lists that never change here. Errors: as SubscriptionFilter::parse.
    [[nodiscard]] Result<SubscriptionFilter> subscription_filter(const Json& notifications);
    /// A listener that watches resources for this caller.
    Subscriptions::Listener listener(SubscriptionFilter filter, const access::Principal& principal,
                                     EndpointSource endpoint,
                                     std::function<void(std::string_view method, Json params)> send);

    /// Calls off what is under way and waits for it.
    void stop();

private:
    void look_now_and_then();
    /// Looks at resources on a thread of the executor, unless that is under way: reading may take long, and the looker
    /// has calls to look after.
    void look_at_resources();

    io::Environment world_;
    Dispatcher dispatcher_;
    Subscriptions subscriptions_;
    Executor executor_;
    std::atomic<bool> is_stopping_ = false;
    std::atomic<bool> is_looking_ = false;  ///< At resources.
    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<bool()> look_;  ///< Guarded by mutex_, like the next.
    bool is_woken_ = false;
    std::thread looker_;
};

}  // namespace chronos::mcp
