// The tools of a store, each made where it is written.
//
// Threads: free functions; the tools may be called from any thread.
#pragma once

#include "mcp/tool.h"

namespace chronos::mcp {

Tool overview_tool();
Tool advise_tool();
Tool find_entities_tool();
Tool query_events_tool();
Tool get_state_tool();
Tool get_history_tool();
Tool compare_tool();
Tool aggregate_tool();
Tool append_events_tool();
Tool fork_create_tool();
Tool fork_finish_tool();

}  // namespace chronos::mcp
