// Keeps the numbers 0, 1 and 2 for what they mean, also when the program was started without them.
//
// Use: first thing in main.
// Threads: one.
#pragma once

namespace chronos::io {

/// Opens /dev/null on each standard descriptor that is closed, the wrong way round: reading from
/// the input and writing to the output or the errors fail as they would have, and no file or pipe
/// opened later gets their number.
void fill_standard_descriptors();

}  // namespace chronos::io
