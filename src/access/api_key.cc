#include "access/api_key.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/checksum.h"
#include "base/result.h"

namespace chronos::access {
namespace {

constexpr std::string_view kPrefix = "chronos_";
constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, lower case
constexpr std::size_t kIdChars = 10;
constexpr std::size_t kSecretChars = 52;
constexpr std::size_t kChecksumChars = 7;

std::string base32(std::span<const std::byte> bytes) {
    std::string out;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const std::byte byte : bytes) {
        bits = bits << 8 | static_cast<std::uint32_t>(byte);
        count += 8;
        while (count >= 5) {
            count -= 5;
            out += kAlphabet[bits >> count & 31U];
        }
        bits &= (1U << count) - 1;
    }
    if (count > 0) out += kAlphabet[bits << (5 - count) & 31U];
    return out;
}

bool is_base32(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
}

/// Requires: is_base32. Left-over bits must be zero, so that one secret has one text.
bool decode_base32(std::string_view text, std::span<std::byte> out) {
    std::uint32_t bits = 0;
    unsigned count = 0;
    std::size_t written = 0;
    for (const char c : text) {
        bits = bits << 5 | static_cast<std::uint32_t>(kAlphabet.find(c));
        count += 5;
        if (count < 8) continue;
        count -= 8;
        if (written == out.size()) return false;
        out[written++] = static_cast<std::byte>(bits >> count & 255U);
        bits &= (1U << count) - 1;
    }
    return written == out.size() && bits == 0;
}

std::string checksum_of(std::string_view text) {
    const std::uint32_t crc = base::crc32c(std::as_bytes(std::span(text.data(), text.size())));
    std::array<std::byte, 4> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(crc >> (24 - 8 * i) & 255U);
    return base32(bytes);
}

Error not_a_key() {
    return base::fail(ErrorCode::kInvalidArgument,
                      "the credential is not an API key of Chronos; it begins with chronos_ and is 78 characters long");
}

}  // namespace

std::string ApiKey::text() const {
    std::string out = std::string(kPrefix) + id + "_" + base32(secret);
    return out + checksum_of(out);
}

ApiKey make_api_key(std::span<const std::byte, kKeyIdBytes + kKeySecretBytes> random) {
    ApiKey key;
    key.id = base32(random.first<kKeyIdBytes>());
    std::copy_n(random.data() + kKeyIdBytes, kKeySecretBytes, key.secret.data());
    return key;
}

Result<ApiKey> parse_api_key(std::string_view text) {
    constexpr std::size_t kSize = kPrefix.size() + kIdChars + 1 + kSecretChars + kChecksumChars;
    if (text.size() != kSize || !text.starts_with(kPrefix)) return not_a_key();
    const std::string_view id = text.substr(kPrefix.size(), kIdChars);
    const std::string_view secret = text.substr(kPrefix.size() + kIdChars + 1, kSecretChars);
    if (text[kPrefix.size() + kIdChars] != '_' || !is_base32(id) || !is_base32(secret)) return not_a_key();
    if (checksum_of(text.substr(0, kSize - kChecksumChars)) != text.substr(kSize - kChecksumChars)) {
        return base::fail(ErrorCode::kInvalidArgument, "the API key is mistyped: its checksum does not fit");
    }
    ApiKey key;
    key.id = id;
    if (!decode_base32(secret, key.secret)) return not_a_key();
    return key;
}

KeyHash hash_of(const ApiKey& key, std::span<const std::byte> server_key) {
    return base::hmac_sha256(server_key, key.secret);
}

bool is_same_hash(const KeyHash& a, const KeyHash& b) {
    std::byte difference{0};
    for (std::size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
    return difference == std::byte{0};
}

std::string hex_of(std::span<const std::byte> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    out.reserve(2 * bytes.size());
    for (const std::byte byte : bytes) {
        out += kDigits[static_cast<std::size_t>(byte >> 4)];
        out += kDigits[static_cast<std::size_t>(byte & std::byte{15})];
    }
    return out;
}

Status parse_hex(std::string_view text, std::span<std::byte> out) {
    const auto digit = [](char c) -> std::optional<unsigned> {
        if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
        if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10U;
        return std::nullopt;
    };
    if (text.size() != 2 * out.size()) return base::fail(ErrorCode::kInvalidArgument, "a hash of another size");
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto high = digit(text[2 * i]);
        const auto low = digit(text[2 * i + 1]);
        if (!high || !low) return base::fail(ErrorCode::kInvalidArgument, "a hash that is not hexadecimal");
        out[i] = static_cast<std::byte>(*high << 4 | *low);
    }
    return {};
}

}  // namespace chronos::access
