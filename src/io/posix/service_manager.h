// Telling systemd how the service is. Source: sd_notify(3).
//
// Threads: any.
#pragma once

#include <string_view>

namespace chronos::io {

/// "READY=1", "STOPPING=1", "RELOADING=1". Does nothing where there is no service manager; failures are ignored.
void notify_service_manager(std::string_view state);

}  // namespace chronos::io
