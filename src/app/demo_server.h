// The end of the demonstration: its store behind a server, asked over HTTP and by an agent's client.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "app/program.h"

namespace chronos::app {

/// Who the agent asks for, and by when: so many events occurred before.
inline constexpr const char* kDemoUser = "user-123";
inline constexpr const char* kDemoTime = "2024-01-01";
inline constexpr std::uint64_t kDemoUserEvents = 1'247;

/// Appends the events of kDemoUser, and some that came later.
Status append_demo_user(Store& store);

/// Serves the directory on a free port of loopback, asks it, and ends it. What is not installed beside this program is
/// named and left out. Requires: nobody has the store open.
Status demonstrate_server(Program& program, const std::string& directory);

}  // namespace chronos::app
