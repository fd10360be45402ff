#include "store/cursor.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::store {
namespace {

constexpr std::uint8_t kCursorVersion = 1;
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct Token {
    std::uint8_t version = kCursorVersion;
    std::uint8_t flags = 0;  // 1 forward, 2 as_of is set, 4 settled
    std::uint16_t zero = 0;
    std::uint32_t branch = 0;
    std::uint32_t store_epoch = 0;
    std::uint32_t zero_too = 0;
    Uuid database;
    std::uint64_t filter_fingerprint = 0;
    std::uint64_t view_end_seq = 0;
    std::uint64_t last_seq = 0;
    std::int64_t as_of_ns = 0;
    std::array<std::byte, 16> mac{};
};
static_assert(sizeof(Token) == 80);

std::array<std::byte, 16> mac_of(const Token& token, const wal::Log& log) {
    const auto bytes = std::as_bytes(std::span(&token, 1)).first(offsetof(Token, mac));
    const base::Sha256Digest digest = base::hmac_sha256(log.secret(), bytes);
    std::array<std::byte, 16> mac;
    std::copy_n(digest.begin(), mac.size(), mac.begin());
    return mac;
}

// RFC 4648 §5, without padding.
std::string to_base64url(std::span<const std::byte> bytes) {
    std::string text;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const std::byte byte : bytes) {
        bits = bits << 8 | static_cast<std::uint32_t>(byte);
        for (count += 8; count >= 6; count -= 6) text += kAlphabet[bits >> (count - 6) & 63];
    }
    if (count > 0) text += kAlphabet[bits << (6 - count) & 63];
    return text;
}

bool from_base64url(std::string_view text, std::vector<std::byte>& bytes) {
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const char* at = c == '\0' ? nullptr : std::strchr(kAlphabet, c);
        if (at == nullptr) return false;
        bits = bits << 6 | static_cast<std::uint32_t>(at - kAlphabet);
        count += 6;
        if (count >= 8) {
            bytes.push_back(static_cast<std::byte>(bits >> (count - 8)));
            count -= 8;
        }
    }
    return true;
}

}  // namespace

std::string encode_cursor(const Cursor& cursor, const wal::Log& log) {
    Token token;
    token.flags =
        static_cast<std::uint8_t>((cursor.forward ? 1 : 0) | (cursor.as_of ? 2 : 0) | (cursor.settled ? 4 : 0));
    token.branch = cursor.branch;
    token.store_epoch = log.store_epoch();
    token.database = log.database();
    token.filter_fingerprint = cursor.filter_fingerprint;
    token.view_end_seq = cursor.view_end_seq;
    token.last_seq = cursor.last_seq;
    token.as_of_ns = cursor.as_of ? cursor.as_of->ns : 0;
    token.mac = mac_of(token, log);
    return to_base64url(std::as_bytes(std::span(&token, 1)));
}

Result<Cursor> decode_cursor(std::string_view text, const wal::Log& log) {
    const auto refuse = [](const char* why) {
        return base::fail(ErrorCode::kCursorMismatch,
                          std::string("this cursor ") + why + "; start again without a cursor");
    };
    std::vector<std::byte> bytes;
    if (text.size() > 200 || !from_base64url(text, bytes) || bytes.size() != sizeof(Token))
        return refuse("is not one of this store's");
    const auto token = base::load<Token>(bytes.data());
    if (token.version != kCursorVersion) return refuse("is of another version");
    if (token.database != log.database()) return refuse("belongs to another store");
    if (token.store_epoch != log.store_epoch()) return refuse("is older than a restore of this store");
    if (token.mac != mac_of(token, log)) return refuse("was changed");
    Cursor cursor;
    cursor.branch = token.branch;
    cursor.forward = (token.flags & 1) != 0;
    cursor.filter_fingerprint = token.filter_fingerprint;
    cursor.view_end_seq = token.view_end_seq;
    cursor.last_seq = token.last_seq;
    if ((token.flags & 2) != 0) cursor.as_of = Timestamp{token.as_of_ns};
    cursor.settled = (token.flags & 4) != 0;
    return cursor;
}

}  // namespace chronos::store
