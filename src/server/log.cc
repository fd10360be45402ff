#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <string>

#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::server {
namespace {

std::atomic<bool> as_json = false;
std::atomic<bool> with_access = false;

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> the = spdlog::stderr_logger_mt("chronos");
    return *the;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::kDebug: return spdlog::level::debug;
        case LogLevel::kInfo: return spdlog::level::info;
        case LogLevel::kWarning: return spdlog::level::warn;
        case LogLevel::kError: return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

void set_up_log(const LogOptions& options) {
    as_json = options.as_json;
    with_access = options.with_access;
    logger().set_level(spdlog_level(options.level));
    logger().set_pattern(
        options.as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
        spdlog::pattern_time_type::utc);
    logger().flush_on(spdlog::level::debug);
}

void log(LogLevel level, std::string_view message) {
    if (!as_json.load(std::memory_order_relaxed)) return logger().log(spdlog_level(level), base::harmless(message));
    std::string text = "\"message\":";
    json::append_string(text, message);
    logger().log(spdlog_level(level), text);
}

bool is_logged(LogLevel level) { return logger().should_log(spdlog_level(level)); }

void log_access(const AccessLine& line) {
    const bool failed = line.status >= 500;
    if (!failed && !with_access.load(std::memory_order_relaxed)) return;
    const auto level = failed ? spdlog::level::warn : spdlog::level::info;
    if (!as_json.load(std::memory_order_relaxed)) {
        logger().log(level, "{} {} {} {} us {}", base::harmless(line.method), base::shortened(line.path, 200),
                     line.status, line.ns / 1'000, line.peer);
        return;
    }
    std::string text = "\"message\":\"request\",\"method\":";
    json::append_string(text, line.method);
    text += ",\"path\":";
    json::append_string(text, line.path);
    text += ",\"status\":" + std::to_string(line.status) + ",\"duration_us\":" + std::to_string(line.ns / 1'000) +
            ",\"peer\":";
    json::append_string(text, line.peer);
    if (!line.trace_id.empty()) {
        text += ",\"trace_id\":";
        json::append_string(text, line.trace_id);
    }
    logger().log(level, text);
}

}  // namespace chronos::server
