#include "base/checksum.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"

namespace chronos::base {

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) {
    // ISA-L leaves the inversions of the standard CRC32C to its caller, takes an int size and does not write.
    std::uint32_t crc = ~seed;
    constexpr std::size_t kPieceMax = 1U << 30;
    while (!bytes.empty()) {
        const std::size_t piece = bytes.size() < kPieceMax ? bytes.size() : kPieceMax;
        auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
        crc = crc32_iscsi(data, static_cast<int>(piece), crc);
        bytes = bytes.subspan(piece);
    }
    return ~crc;
}

Hash128 xxh3_128(std::span<const std::byte> bytes) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    Hash128 hash;
    std::memcpy(hash.data(), canonical.digest, hash.size());
    return hash;
}

std::uint64_t xxh3_64(std::span<const std::byte> bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t xxh3_64(std::string_view text, std::uint64_t seed) { return xxh3_64(as_bytes(text), seed); }

struct Sha256::Context {
    EVP_MD_CTX* evp = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(evp); }
    Context() = default;
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
    ASSERT(context_->evp != nullptr && EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
    ASSERT(EVP_DigestUpdate(context_->evp, bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::finish() {
    Sha256Digest digest;
    unsigned size = 0;
    ASSERT(EVP_DigestFinal_ex(context_->evp, reinterpret_cast<unsigned char*>(digest.data()), &size) == 1);
    ASSERT(size == digest.size());
    return digest;
}

Sha256Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> message) {
    Sha256Digest digest;
    unsigned size = 0;
    const auto* text = reinterpret_cast<const unsigned char*>(message.data());
    ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text, message.size(),
                reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr);
    ASSERT(size == digest.size());
    return digest;
}

std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) {
    std::array<std::byte, 20> digest;
    unsigned size = 0;
    ASSERT(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha1(),
                      nullptr) == 1);
    return digest;
}

}  // namespace chronos::base
