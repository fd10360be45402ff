// Printing what a fork changed.
//
// Threads: free functions.
#pragma once

#include <string>

#include "app/program.h"

namespace chronos::app {

/// As `diff` prints them: each entity, then a summary; with --json a line for each.
Status write_changes(Program& program, const Changes& changes);

}  // namespace chronos::app
