#include "mcp/service.h"

#include <chrono>

#include "base/result.h"
#include "mcp/conformance_fixtures.h"

namespace chronos::mcp {
namespace {

constexpr auto kLookPeriod = std::chrono::milliseconds(100);
constexpr auto kIdlePeriod = std::chrono::milliseconds(60'000);
/// Resources are looked at every so many looks.
constexpr int kLooksPerResourceLook = 10;

/// What changes with every append and every fork.
std::string head_of(const Service::EndpointSource& source) {
    const Result<client::Endpoint*> endpoint = source();
    if (!endpoint.ok()) return "none";
    const auto view = (*endpoint)->view();
    if (!view.ok()) return "none";
    const std::optional<Position> at = (*view)->info().at;
    std::string head = at ? std::to_string(at->value) : "empty";
    const auto forks = (*endpoint)->forks();
    if (!forks.ok()) return head;
    for (const ForkInfo& fork : *forks) {
        head += "," + fork.name + ":" + std::to_string(fork.own_event_count);
    }
    return head;
}

}  // namespace

Service::Service(const ServiceOptions& options, io::Environment world)
    : world_(world), dispatcher_({.version = options.version}, world), executor_(options.threads) {
    dispatcher_.offers() = offers_of(store_catalog(), dispatcher_.seal());
    if (options.with_conformance_fixtures) add_conformance_fixtures(dispatcher_.offers(), subscriptions_);
    subscriptions_.set_wake([this] { wake(); });
    looker_ = std::thread([this] { look_now_and_then(); });
}

void Service::set_look(std::function<bool()> look) {
    const std::lock_guard lock(mutex_);
    look_ = std::move(look);
}

void Service::wake() {
    {
        const std::lock_guard lock(mutex_);
        is_woken_ = true;
    }
    changed_.notify_all();
}

void Service::look_now_and_then() {
    std::unique_lock lock(mutex_);
    auto period = kIdlePeriod;
    for (int count = 1; !is_stopping(); ++count) {
        changed_.wait_for(lock, period, [this] { return is_stopping() || is_woken_; });
        if (is_stopping()) return;
        is_woken_ = false;
        const std::function<bool()> look = look_;
        lock.unlock();
        const bool is_soon = look && look();
        const bool is_watching = subscriptions_.is_watching();
        // With calls to wait for, resources are looked at no more often than without.
        if (is_watching && (!is_soon || count % kLooksPerResourceLook == 0)) look_at_resources();
        period = is_soon ? kLookPeriod : is_watching ? kLookPeriod * kLooksPerResourceLook : kIdlePeriod;
        lock.lock();
    }
}

void Service::look_at_resources() {
    if (is_looking_.exchange(true)) return;
    const auto look = [this] {
        subscriptions_.look();
        is_looking_ = false;
    };
    if (!executor_.run(look)) is_looking_ = false;
}

bool Service::is_quick(std::string_view method) {
    return method == "server/discover" || method == "ping" || method == "tools/list" || method == "prompts/list" ||
           method == "resources/templates/list";
}

Result<SubscriptionFilter> Service::subscription_filter(const Json& notifications) {
    ASSIGN_OR_RETURN(SubscriptionFilter filter, SubscriptionFilter::parse(notifications));
    if (dispatcher_.offers().are_lists_changing) return filter;
    filter.tools = false;
    filter.prompts = false;
    return filter;
}

Subscriptions::Listener Service::listener(SubscriptionFilter filter, const access::Principal& principal,
                                          EndpointSource endpoint,
                                          std::function<void(std::string_view method, Json params)> send) {
    const auto content = [this, principal, endpoint](std::string_view uri) {
        Message request{
            .kind = Message::Kind::kRequest, .id = 0, .method = uri.empty() ? "resources/list" : "resources/read"};
        if (!uri.empty()) request.params["uri"] = uri;
        Exchange exchange(std::move(request), {.principal = principal},
                          {.send = [](const Json&) {},
                           .ask = {},
                           .is_cancelled = [this] { return is_stopping(); },
                           .endpoint = endpoint,
                           .pause = {}});
        return text_of(dispatcher_.answer(exchange));
    };
    return {.filter = std::move(filter), .send = std::move(send), .content = content, .head = [endpoint] {
                return head_of(endpoint);
            }};
}

void Service::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    subscriptions_.stop();
    changed_.notify_all();
    if (looker_.joinable()) looker_.join();
    executor_.stop();
}

}  // namespace chronos::mcp
