// Compressed request bodies: gzip (RFC 1952) and zstd (RFC 8878), undone as they come in.
//
// Threads: one for each object.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "chronos/result.h"
#include "server/http/message.h"

namespace chronos::server {

/// Undoes one coding piece by piece.
class ContentDecoder {
public:
    ContentDecoder() = default;
    ContentDecoder(const ContentDecoder&) = delete;
    ContentDecoder& operator=(const ContentDecoder&) = delete;
    virtual ~ContentDecoder() = default;

    /// Appends what `bytes` stand for to `out`.
    ///
    /// Errors: kInvalidArgument — damaged; kLimitExceeded — `out` would grow beyond `size_max`.
    virtual Status take(std::string_view bytes, std::string& out, std::size_t size_max) = 0;
    /// Whether what was taken ends where a member or frame does.
    [[nodiscard]] virtual bool is_at_end() const = 0;
};

/// For the value of Content-Encoding; null for none and "identity".
///
/// Errors: kUnsupported.
Result<std::unique_ptr<ContentDecoder>> decoder_for(std::string_view coding);

/// Undoes the coding of a whole body, to at most `size_max` bytes and `inflation_max` times its size.
///
/// Errors: kInvalidArgument, kLimitExceeded, kUnsupported.
Status decode_body(Request& request, std::size_t size_max, std::size_t inflation_max);

}  // namespace chronos::server
