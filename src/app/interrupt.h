// SIGINT and SIGTERM as a question that long work asks between batches.
//
// Threads: any.
#pragma once

namespace chronos::app {

/// Writing to a pipe that nobody reads, or beyond a limit on the size of files, becomes an error
/// instead of the end of the process.
void ignore_signals_of_failed_writes();

/// From now on the first SIGINT or SIGTERM is only noted; the second ends the process.
void catch_interrupts();

/// 0, or the signal that asked the program to stop.
int interrupted_by();

/// Exit code of a program that stopped because of `interrupted_by()`.
int interrupted_exit_code();

}  // namespace chronos::app
