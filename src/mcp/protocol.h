// Names of the protocol: its revisions, and the keys of "_meta" that it keeps for itself.
//
// Threads: constants.
// Source: MCP 2026-07-28, "Overview", "_meta"; "Versioning and Compatibility".
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace chronos::mcp {

/// Requests carry version and capabilities; nothing is remembered between them.
inline constexpr std::string_view kModernVersion = "2026-07-28";
/// Clients open with "initialize"; newest first.
inline constexpr std::array<std::string_view, 3> kLegacyVersions = {"2025-11-25", "2025-06-18", "2025-03-26"};

inline bool is_legacy_version(std::string_view version) {
    return std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) != kLegacyVersions.end();
}

inline constexpr std::string_view kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kMetaClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kMetaLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kMetaServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kMetaSubscription = "io.modelcontextprotocol/subscriptionId";

/// Levels of RFC 5424 that messages to clients have, least first.
inline constexpr std::array<std::string_view, 8> kLogLevels = {"debug", "info",     "notice", "warning",
                                                               "error", "critical", "alert",  "emergency"};

}  // namespace chronos::mcp
