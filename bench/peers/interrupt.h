// Ctrl-C ends the run after the row under way, so that servers are stopped and directories removed.
#pragma once

namespace chronos::bench {

void catch_interrupts();
bool interrupted();

}  // namespace chronos::bench
