// The server's own log, on standard error: text for people or a JSON object a line.
// Secrets have no way in: keys never stand in what is passed here, and paths are logged without their query.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace chronos::server {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct LogOptions {
    LogLevel level = LogLevel::kInfo;
    bool as_json = false;
    /// Each request, not only those that failed on our side.
    bool with_access = false;
};

/// Call before anything is logged; again to change it.
void set_up_log(const LogOptions& options);

void log(LogLevel level, std::string_view message);
/// Whether what is of this level goes anywhere: for messages that cost something to make.
bool is_logged(LogLevel level);

struct AccessLine {
    std::string_view method;
    std::string_view path;
    int status = 0;
    std::int64_t ns = 0;
    std::string_view peer;
    std::string_view trace_id;
};

void log_access(const AccessLine& line);

}  // namespace chronos::server
