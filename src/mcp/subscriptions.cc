#include "mcp/subscriptions.h"

#include <algorithm>

#include "base/result.h"

namespace chronos::mcp {

Result<SubscriptionFilter> SubscriptionFilter::parse(const Json& notifications) {
    const auto wrong = [](std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); };
    if (!notifications.is_object()) return wrong("\"notifications\" is an object that says what to be told of");
    SubscriptionFilter filter;
    for (const auto& [name, wanted] :
         {std::pair{"toolsListChanged", &filter.tools}, std::pair{"promptsListChanged", &filter.prompts},
          std::pair{"resourcesListChanged", &filter.resources}}) {
        const Json& value = member(notifications, name);
        if (!value.is_null() && !value.is_boolean()) return wrong("\"" + std::string(name) + "\" is true or false");
        *wanted = value.is_boolean() && value.get<bool>();
    }
    const Json& uris = member(notifications, "resourceSubscriptions");
    if (!uris.is_null() && !uris.is_array()) return wrong("\"resourceSubscriptions\" is a list of URIs");
    for (const Json& uri : uris) {
        if (!uri.is_string()) return wrong("\"resourceSubscriptions\" is a list of URIs");
        if (filter.uris.size() >= Subscriptions::kUrisMax)
            return base::fail(ErrorCode::kLimitExceeded,
                              "a subscription has at most " + std::to_string(Subscriptions::kUrisMax) + " resources");
        filter.uris.push_back(uri.get<std::string>());
    }
    return filter;
}

Json SubscriptionFilter::json() const {
    Json json = Json::object();
    if (tools) json["toolsListChanged"] = true;
    if (prompts) json["promptsListChanged"] = true;
    if (resources) json["resourcesListChanged"] = true;
    if (!uris.empty()) json["resourceSubscriptions"] = uris;
    return json;
}

std::uint64_t Subscriptions::add(Listener listener) {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= kListenersMax) return 0;
    Entry& entry = entries_[++last_];
    entry.listener = std::move(listener);
    // What there is now is known; only what comes is told.
    look_at(entry);
    return last_;
}

void Subscriptions::remove(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    entries_.erase(number);
}

void Subscriptions::set_filter(std::uint64_t number, SubscriptionFilter filter) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(number);
    if (entry == entries_.end()) return;
    entry->second.listener.filter = std::move(filter);
    entry->second.head.clear();
    look_at(entry->second);
}

void Subscriptions::tools_changed() {
    const std::lock_guard lock(mutex_);
    for (auto& [number, entry] : entries_) {
        if (entry.listener.filter.tools) entry.listener.send("notifications/tools/list_changed", Json::object());
    }
}

void Subscriptions::prompts_changed() {
    const std::lock_guard lock(mutex_);
    for (auto& [number, entry] : entries_) {
        if (entry.listener.filter.prompts) entry.listener.send("notifications/prompts/list_changed", Json::object());
    }
}

void Subscriptions::resource_updated(std::string_view uri) {
    const std::lock_guard lock(mutex_);
    for (auto& [number, entry] : entries_) {
        const auto& uris = entry.listener.filter.uris;
        if (std::find(uris.begin(), uris.end(), uri) != uris.end())
            entry.listener.send("notifications/resources/updated", {{"uri", uri}});
    }
}

void Subscriptions::look() {
    const std::lock_guard lock(mutex_);
    for (auto& [number, entry] : entries_) look_at(entry);
}

void Subscriptions::look_at(Entry& entry) {
    const SubscriptionFilter& filter = entry.listener.filter;
    if (!filter.resources && filter.uris.empty()) return;
    std::string head = entry.listener.head();
    if (head == entry.head) return;
    entry.head = std::move(head);
    const auto changed = [&entry](const std::string& uri) {
        const std::size_t now = std::hash<std::string>()(entry.listener.content(uri));
        const auto [seen, is_new] = entry.seen.try_emplace(uri, now);
        return !is_new && std::exchange(seen->second, now) != now;
    };
    if (filter.resources && changed("")) entry.listener.send("notifications/resources/list_changed", Json::object());
    for (const std::string& uri : filter.uris) {
        if (changed(uri)) entry.listener.send("notifications/resources/updated", {{"uri", uri}});
    }
}

}  // namespace chronos::mcp
