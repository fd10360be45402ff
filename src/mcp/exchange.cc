#include "mcp/exchange.h"

#include <algorithm>

#include "mcp/protocol.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kTokenBytesMax = 256;

/// Longer tokens would be repeated, and kept, in every message.
bool is_token(const Json& token) {
    if (token.is_string()) return token.get_ref<const std::string&>().size() <= kTokenBytesMax;
    return token.is_number_integer();
}

std::size_t severity_of(std::string_view level) {
    return static_cast<std::size_t>(std::find(kLogLevels.begin(), kLogLevels.end(), level) - kLogLevels.begin());
}

}  // namespace

bool Client::can_fill_forms() const {
    const Json& elicitation = member(capabilities, "elicitation");
    return elicitation.is_object() && (elicitation.empty() || elicitation.contains("form"));
}

void Exchange::report_progress(double done, double total, std::string_view message) {
    const Json& token = member(member(params(), "_meta"), "progressToken");
    if (!is_token(token) || done <= progress_) return;
    progress_ = done;
    const auto number = [](double value) {
        const auto whole = static_cast<std::int64_t>(value);
        return static_cast<double>(whole) == value ? Json(whole) : Json(value);
    };
    Json report = {{"progressToken", token}, {"progress", number(done)}};
    if (total > 0) report["total"] = number(total);
    if (!message.empty()) report["message"] = message;
    line_.send(notification_message("notifications/progress", std::move(report)));
}

void Exchange::log(std::string_view level, std::string_view logger, const Json& data) {
    if (client_.log_level.empty() || severity_of(level) < severity_of(client_.log_level)) return;
    Json entry = {{"level", level}, {"logger", logger}, {"data", data}};
    line_.send(notification_message("notifications/message", std::move(entry)));
}

}  // namespace chronos::mcp
