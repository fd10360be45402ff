// The key by which mcp-cli knows its own plans again, in the file mcp-cli.key of a store's directory: one process makes
// the plan, the next one is told to do it.
//
//     32 bytes, made at random when they are first needed; for the owner of the file alone
//
// Threads: one; the store of the directory is open, so no other process makes the file.
#pragma once

#include <string>

#include "io/environment.h"
#include "mcp/seal.h"

namespace chronos::mcp_cli {

/// The key there is, or a new one. Errors: kIo, kNoSpace.
Result<mcp::Seal::Key> plan_key(const io::Environment& world, const std::string& directory);

}  // namespace chronos::mcp_cli
