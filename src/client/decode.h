// The server's answers, made values of the library again: the reverse of wire/.
//
// Threads: free functions. Errors: kIo — not what a server of this version answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/changes.h"
#include "chronos/fork.h"
#include "chronos/state.h"
#include "chronos/store.h"

namespace chronos::client {

Result<Event> decode_event(std::string_view json);
Result<AppendResult> decode_append(std::string_view json);
Result<State> decode_state(std::string_view json);
Result<std::vector<HistoryEntry>> decode_history(std::string_view json);
Result<ForkInfo> decode_fork(std::string_view json);
struct ForksAnswer {
    std::vector<ForkInfo> forks;
    bool has_more = false;
    std::string next_after;
};
Result<ForksAnswer> decode_forks(std::string_view json);
Result<MergeResult> decode_merge(std::string_view json);
Result<Changes> decode_changes(std::string_view json);
Result<Stats> decode_stats(std::string_view json);
Result<BackupReport> decode_backup(std::string_view json);
Result<ViewInfo> decode_view(std::string_view json);

struct EventsAnswer {
    std::vector<Event> events;
    std::string next_cursor;
    bool has_more = false;
    std::uint64_t total = 0;
    ViewInfo view;
};
Result<EventsAnswer> decode_events(std::string_view json);

struct EntitiesAnswer {
    std::vector<std::string> ids;
    bool has_more = false;
};
Result<EntitiesAnswer> decode_entities(std::string_view json);

/// A problem of RFC 9457 as the error that it was on the server.
Error decode_problem(int status, std::string_view json);

}  // namespace chronos::client
