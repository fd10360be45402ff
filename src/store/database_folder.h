// Where a store keeps its database: <directory>/<database uuid>/ (docs/formats/log.md).
//
// Threads: functions without state.
#pragma once

#include <string>

#include "chronos/types.h"
#include "io/environment.h"

namespace chronos::store {

/// The database's folder in a store's directory; empty if there is none yet.
///
/// Errors: kUnsupported when there are several; kIo.
Result<std::string> find_database(io::FileSystem& files, const std::string& directory);

/// Removes what a creation left that did not finish; it holds no event.
Status remove_unfinished(io::FileSystem& files, const std::string& directory);

/// Creates `directory` and its parents as needed, durably.
Status make_directories(io::FileSystem& files, const std::string& directory);

/// The directory that holds `path`'s name.
std::string parent_of(const std::string& path);

/// A new UUID version 7.
Uuid new_uuid(io::Environment& env);

}  // namespace chronos::store
