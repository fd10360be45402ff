// Names from elsewhere made fit for a store: valid UTF-8, no control characters, not too long.
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chronos::app {

/// `bytes` with each byte that is not part of UTF-8 written as \xNN.
std::string valid_utf8(std::string_view bytes);

/// The same for an entity id or tag: control characters, those that turn the
/// direction of text, and white space at either end are written
/// as \xNN too, and what is longer than `size_max` bytes ends in ~ and a hash of all of it, so that
/// different names stay different.
std::string valid_name(std::string_view bytes, std::size_t size_max);

}  // namespace chronos::app
