// What a backup holds, as JSON.
//
// Threads: free functions.
#pragma once

#include <string>

#include "chronos/store.h"

namespace chronos::wire {

std::string backup_as_json(const BackupReport& report);

}  // namespace chronos::wire
