// The loops behind `bench` against a server: each thread has a connection of its own and waits for each answer.
//
// Threads: each function runs its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/measurement.h"

namespace chronos::app {

/// As measure_append, but one batch of a thread is under way at a time; writing it as JSON is measured too.
/// Requires: the URL of a server in the program's options.
Result<AppendMeasurement> measure_remote_append(Program& program, const Workload& workload, const AppendLoad& load,
                                                const std::function<void(std::uint64_t)>& on_progress);

/// As measure_queries; a tenth as many, at most 1,000, come before and are not measured.
Result<QueryMeasurement> measure_remote_queries(Program& program, const std::string& branch,
                                                const std::vector<std::string>& entities, const QueryLoad& load);

}  // namespace chronos::app
