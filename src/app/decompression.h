// Plain bytes out of gzip (RFC 1952) and zstd (RFC 8878), as many members or frames as there are.
//
// Threads: one for each source.
#pragma once

#include <memory>
#include <string_view>

#include "app/input.h"

namespace chronos::app {

/// By the first bytes of a file.
bool is_gzip(std::string_view head);
bool is_zstd(std::string_view head);

/// `raw` must outlive what is returned. Reading answers kInvalidArgument for input that is cut off
/// or damaged.
std::unique_ptr<ByteSource> decompress_gzip(ByteSource& raw);
std::unique_ptr<ByteSource> decompress_zstd(ByteSource& raw);

}  // namespace chronos::app
