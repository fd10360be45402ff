// How an error leaves the program: exit code, text for people, JSON for programs.
// docs/reference/command-line.md.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/append.h"
#include "chronos/result.h"

namespace chronos::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitOther = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotFound = 3;
inline constexpr int kExitConflict = 4;
inline constexpr int kExitIndeterminate = 5;
inline constexpr int kExitCorrupt = 6;
inline constexpr int kExitLocked = 7;
inline constexpr int kExitIo = 8;
inline constexpr int kExitLimit = 9;
inline constexpr int kExitClock = 10;
inline constexpr int kExitReaderLeft = 128 + 13;  // as a shell reports SIGPIPE

int exit_code_of(ErrorCode code);

/// One JSON object: error, message, what an append refused, and its outcome if it was one.
std::string error_as_json(const Error& error, bool is_of_append);
/// "chronos: <message>" and a line for each conflict.
std::string error_as_text(const Error& error);

}  // namespace chronos::app
