// API keys as text: made once, shown once, kept only as a keyed hash.
//
//     chronos_k7m2p4q6r8_<52 characters of secret><7 of checksum>
//     prefix   id
//
// The prefix lets scanners of secrets find keys that leaked; the checksum tells a mistyped key from an unknown one.
//
// Threads: free functions.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "chronos/result.h"

namespace chronos::access {

inline constexpr std::size_t kKeySecretBytes = 32;
inline constexpr std::size_t kKeyIdBytes = 6;
/// Keyed hash of a secret.
using KeyHash = std::array<std::byte, 32>;

struct ApiKey {
    std::string id;  ///< 10 characters of lower-case base32.
    std::array<std::byte, kKeySecretBytes> secret{};

    /// All of it, as a client sends it.
    [[nodiscard]] std::string text() const;
};

ApiKey make_api_key(std::span<const std::byte, kKeyIdBytes + kKeySecretBytes> random);

/// Errors: kInvalidArgument — not a key, or mistyped; the message holds nothing of it.
Result<ApiKey> parse_api_key(std::string_view text);

/// HMAC-SHA-256 of the secret under the server's own key.
KeyHash hash_of(const ApiKey& key, std::span<const std::byte> server_key);
/// In a time that does not depend on where they differ.
bool is_same_hash(const KeyHash& a, const KeyHash& b);

std::string hex_of(std::span<const std::byte> bytes);
/// Errors: kInvalidArgument — not `out.size()` bytes of hexadecimal.
Status parse_hex(std::string_view text, std::span<std::byte> out);

}  // namespace chronos::access
