#include "mcp/subscriptions.h"

#include <algorithm>
#include <utility>

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
        if (uri.get_ref<const std::string&>().size() > Subscriptions::kUriBytesMax) return wrong("a URI is too long");
        if (std::find(filter.uris.begin(), filter.uris.end(), uri) != filter.uris.end()) continue;
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
    const auto entry = std::make_shared<Entry>();
    entry->listener = std::move(listener);
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        if (entries_.size() >= kListenersMax) return 0;
        number = ++last_;
        entries_.emplace(number, entry);
    }
    // What there is now is known; only what comes is told.
    look_at(number, *entry);
    if (wake_) wake_();
    return number;
}

bool Subscriptions::is_watching() {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
        const SubscriptionFilter& filter = entry.second->listener.filter;
        return filter.resources || !filter.uris.empty();
    });
}

void Subscriptions::remove(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    entries_.erase(number);
}

std::shared_ptr<Subscriptions::Entry> Subscriptions::find(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(number);
    return found == entries_.end() ? nullptr : found->second;
}

void Subscriptions::set_filter(std::uint64_t number, SubscriptionFilter filter) {
    const std::shared_ptr<Entry> entry = find(number);
    if (!entry) return;
    {
        const std::lock_guard lock(mutex_);
        entry->listener.filter = std::move(filter);
    }
    look_at(number, *entry);
    if (wake_) wake_();
}

void Subscriptions::tools_changed() {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_) {
        if (entry->listener.filter.tools) entry->listener.send("notifications/tools/list_changed", Json::object());
    }
}

void Subscriptions::prompts_changed() {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_) {
        if (entry->listener.filter.prompts) entry->listener.send("notifications/prompts/list_changed", Json::object());
    }
}

void Subscriptions::resource_updated(std::string_view uri) {
    const std::lock_guard lock(mutex_);
    for (const auto& [number, entry] : entries_) {
        const auto& uris = entry->listener.filter.uris;
        if (std::find(uris.begin(), uris.end(), uri) != uris.end())
            entry->listener.send("notifications/resources/updated", {{"uri", uri}});
    }
}

void Subscriptions::look() {
    Entries entries;
    {
        const std::lock_guard lock(mutex_);
        entries = entries_;
    }
    for (const auto& [number, entry] : entries) {
        if (is_stopping_) return;
        look_at(number, *entry);
    }
}

void Subscriptions::look_at(std::uint64_t number, Entry& entry) {
    const std::lock_guard look(entry.look_mutex);
    SubscriptionFilter filter;
    {
        const std::lock_guard lock(mutex_);
        filter = entry.listener.filter;
    }
    if (!filter.resources && filter.uris.empty()) return;
    std::string head = entry.listener.head();
    const bool has_moved = head != entry.head;
    entry.head = std::move(head);
    const auto has_changed = [&](const std::string& uri) {
        if (is_stopping_ || (!has_moved && entry.seen.contains(uri))) return false;
        const std::size_t now = std::hash<std::string>()(entry.listener.content(uri));
        const auto [seen, is_new] = entry.seen.try_emplace(uri, now);
        return !is_new && std::exchange(seen->second, now) != now;
    };
    // What was given up is new when it is asked for again.
    std::erase_if(entry.seen, [&filter](const auto& seen) {
        return !seen.first.empty() &&
               std::find(filter.uris.begin(), filter.uris.end(), seen.first) == filter.uris.end();
    });
    const bool has_list_changed = filter.resources && has_changed("");
    std::erase_if(filter.uris, [&](const std::string& uri) { return !has_changed(uri); });
    const std::lock_guard lock(mutex_);
    if (!entries_.contains(number)) return;
    if (has_list_changed) entry.listener.send("notifications/resources/list_changed", Json::object());
    for (const std::string& uri : filter.uris) entry.listener.send("notifications/resources/updated", {{"uri", uri}});
}

}  // namespace chronos::mcp
