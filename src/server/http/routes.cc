#include "server/http/routes.h"

#include <algorithm>

#include "base/assert.h"

namespace chronos::server {
namespace {

/// What `pattern` leaves for its parameter in `path`; nothing when it does not match.
std::optional<std::string_view> parameter_of(std::string_view pattern, std::string_view path) {
    const std::size_t open = pattern.find('{');
    if (open == std::string_view::npos) {
        if (path == pattern) return std::string_view();
        return std::nullopt;
    }
    const std::size_t close = pattern.find('}', open);
    const std::string_view before = pattern.substr(0, open);
    const std::string_view after = pattern.substr(close + 1);
    if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after))
        return std::nullopt;
    const std::string_view value = path.substr(before.size(), path.size() - before.size() - after.size());
    if (pattern[close - 1] != '*' && value.find('/') != std::string_view::npos) return std::nullopt;
    return value;
}

/// How much of a pattern is fixed text: the longest that matches is meant.
std::size_t fixed_size(const Route& route) {
    const std::size_t open = route.pattern.find('{');
    if (open == std::string::npos) return route.pattern.size() + 1'000;
    return route.pattern.size() - (route.pattern.find('}') - open);
}

}  // namespace

void Routes::add(Route route) {
    const int handlers = int{route.here != nullptr} + int{route.worker != nullptr} + int{route.later != nullptr} +
                         int{route.upload != nullptr};
    ASSERT(handlers == 1 && !route.action.empty() && !route.resource.empty() && !route.summary.empty());
    routes_.push_back(std::move(route));
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
    Match match;
    std::vector<std::string> allowed;
    std::size_t best = 0;
    bool takes_head = false;
    const std::string_view sought = method == "HEAD" ? "GET" : method;
    // "/events/batch" is a path of its own, not the event "batch", whatever the method.
    const bool is_fixed =
        std::any_of(routes_.begin(), routes_.end(), [path](const Route& route) { return route.pattern == path; });
    for (const Route& route : routes_) {
        const auto parameter = parameter_of(route.pattern, path);
        if (!parameter || (is_fixed && route.pattern != path)) continue;
        takes_head = takes_head || (route.method == "GET" && route.takes_head);
        if (route.method != sought || (method == "HEAD" && !route.takes_head)) {
            if (std::find(allowed.begin(), allowed.end(), route.method) == allowed.end())
                allowed.push_back(route.method);
            continue;
        }
        if (fixed_size(route) < best) continue;
        best = fixed_size(route);
        match.route = &route;
        match.id = *parameter;
    }
    if (match.route != nullptr) return match;
    if (allowed.empty()) return match;
    if (takes_head) allowed.emplace_back("HEAD");
    allowed.emplace_back("OPTIONS");
    std::sort(allowed.begin(), allowed.end());
    for (const std::string& name : allowed) match.allowed += (match.allowed.empty() ? "" : ", ") + name;
    return match;
}

}  // namespace chronos::server
