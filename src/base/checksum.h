// Checksums and hashes of bytes, from libraries: CRC32C (ISA-L), XXH3, SHA-256 (OpenSSL).
//
// Threads: functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace chronos::base {

/// CRC32C (Castagnoli) of `bytes`, continuing from `seed`: crc32c(b, crc32c(a)) is the CRC of a then b.
std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0);

using Hash128 = std::array<std::byte, 16>;
/// XXH3-128, canonical byte order.
Hash128 xxh3_128(std::span<const std::byte> bytes);
/// XXH3-64 with a seed; for tables, where the seed is secret.
std::uint64_t xxh3_64(std::span<const std::byte> bytes, std::uint64_t seed);
std::uint64_t xxh3_64(std::string_view text, std::uint64_t seed);

using Sha256Digest = std::array<std::byte, 32>;

/// SHA-256 of bytes given in pieces.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;
    void update(std::span<const std::byte> bytes);
    /// Call once, last.
    Sha256Digest finish();

private:
    struct Context;
    std::unique_ptr<Context> context_;
};

/// HMAC-SHA-256, for tokens that clients hand back.
Sha256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> message);

/// SHA-1, only because UUID version 5 is defined by it.
std::array<std::byte, 20> sha1(std::span<const std::byte> bytes);

}  // namespace chronos::base
