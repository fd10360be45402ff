// The configuration file of the server: TOML. docs/reference/configuration.md lists what may stand in it.
//
// Threads: free functions.
#pragma once

#include <string>

#include "server/log.h"
#include "server/server.h"

namespace chronos::app {

/// The name of loopback as people write it; other names could mean anything.
inline constexpr const char* kLoopbackName = "localhost";
inline constexpr const char* kLoopbackAddress = "127.0.0.1";

struct ServerConfig {
    server::ServerOptions server;
    server::LogOptions log;
};

/// Reads `path` over what `config` has. Errors: kNotFound; kInvalidArgument — with the line: not TOML, an unknown name,
/// a value of the wrong kind or out of range.
Status read_server_config(const std::string& path, ServerConfig& config);

}  // namespace chronos::app
