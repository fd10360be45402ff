// The rules of the architecture, as a check of one file's text. ARCHITECTURE.md gives their
// reasons.
//
// Use:     for (const std::string& broken : broken_rules("src/wal/writer.cc", text)) ...
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chronos::architecture {

/// Names each rule that the file `path` (from the root of the project) breaks, as "path:line:
/// what".
///
/// Covers: what a folder may include and call, how a header opens, how long a file may be.
std::vector<std::string> broken_rules(std::string_view path, std::string_view text);

/// Says why a folder of src/ may not be called `name`; empty if it may.
std::string objection_to_folder(std::string_view name);

}  // namespace chronos::architecture
