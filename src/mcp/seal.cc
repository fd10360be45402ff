#include "mcp/seal.h"

#include <iterator>
#include <span>

#include "access/api_key.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kUsedMax = 100'000;
constexpr std::size_t kTokenSizeMax = 64 << 10;
constexpr std::int64_t kLifetimeNs = Seal::kLifetimeSeconds * 1'000'000'000;

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encoded(std::string_view bytes, std::string_view alphabet) {
    std::string out;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : bytes) {
        held = held << 8 | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 6; bits -= 6) out += alphabet[held >> (bits - 6) & 63];
    }
    if (bits > 0) out += alphabet[held << (6 - bits) & 63];
    return out;
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view text_of_bytes(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// In a time that does not depend on where they differ.
bool is_same(std::string_view a, std::string_view b) {
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
        difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    return difference == 0;
}

Error refused(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

}  // namespace

std::string base64url(std::string_view bytes) { return encoded(bytes, kUrlAlphabet); }

std::string base64(std::string_view bytes) {
    std::string out = encoded(bytes, kAlphabet);
    while (out.size() % 4 != 0) out += '=';
    return out;
}

std::optional<std::string> base64_decoded(std::string_view text) {
    while (text.ends_with('=')) text.remove_suffix(1);
    if (text.size() % 4 == 1) return std::nullopt;
    std::string out;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) value = kUrlAlphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        held = held << 6 | static_cast<std::uint32_t>(value);
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        out += static_cast<char>(held >> bits & 255);
    }
    return out;
}

Seal::Seal(io::Environment world) : world_(world), is_key_shared_(false) { world_.random.fill(key_); }

Seal::Seal(io::Environment world, const Key& key) : world_(world), key_(key), is_key_shared_(true) {}

/// The monotonic clock means nothing to a process after the next start of the machine.
std::int64_t Seal::now_ns() const { return is_key_shared_ ? world_.clock.wall_ns() : world_.clock.monotonic_ns(); }

Seal::Binding Seal::binding_of(const access::Principal& principal, std::string_view method, const Json& salient) {
    // Sorted by key: the client may send the same parameters in another order.
    const std::string canonical = std::string(method) + '\n' + nlohmann::json(salient).dump();
    base::Sha256 digest;
    digest.update(bytes_of(canonical));
    return {.holder = principal.tenant + "/" + principal.key_id, .digest = access::hex_of(digest.finish())};
}

std::string Seal::seal(const Binding& binding, const Json& state) {
    std::array<std::byte, 16> nonce{};
    world_.random.fill(nonce);
    const Json payload = {{"for", binding.holder},
                          {"of", binding.digest},
                          {"until", now_ns() + kLifetimeNs},
                          {"once", access::hex_of(nonce)},
                          {"state", state}};
    const std::string text = payload.dump(-1, ' ', false, Json::error_handler_t::replace);
    return base64url(text) + "." + base64url(text_of_bytes(base::hmac_sha256(key_, bytes_of(text))));
}

Result<Json> Seal::open(std::string_view token, const Binding& binding) {
    const std::size_t point = token.find('.');
    if (token.size() > kTokenSizeMax || point == std::string_view::npos)
        return refused("this is no state that this server gave out");
    const std::optional<std::string> text = base64_decoded(token.substr(0, point));
    if (!text) return refused("this is no state that this server gave out");
    // As text, so that no second spelling of the same bytes is taken.
    const std::string mac = base64url(text_of_bytes(base::hmac_sha256(key_, bytes_of(*text))));
    if (!is_same(mac, token.substr(point + 1)) || base64url(*text) != token.substr(0, point))
        return refused("this state was changed, or comes from before this server started; begin again without it");
    Json payload = Json::parse(*text, nullptr, false);
    if (payload["for"] != binding.holder) return refused("this state was given to another caller");
    if (payload["of"] != binding.digest)
        return refused("this state belongs to another request: send the parameters it was given for, unchanged");
    const auto until = payload["until"].get<std::int64_t>();
    // Nor is it good for longer because a clock was set back.
    if (const std::int64_t now = now_ns(); now > until || until - now > kLifetimeNs)
        return refused("this state has expired; begin again without it");
    RETURN_IF_ERROR(use_up(payload["once"].get<std::string>(), until));
    return std::move(payload["state"]);
}

Status Seal::use_up(const std::string& nonce, std::int64_t until_ns) {
    const std::lock_guard lock(mutex_);
    if (used_.size() >= kUsedMax)
        std::erase_if(used_, [now = now_ns()](const auto& entry) { return entry.second < now; });
    if (used_.size() >= kUsedMax)
        return base::fail(ErrorCode::kLimitExceeded, "too many confirmations at once; try again in a few minutes");
    if (!used_.emplace(nonce, until_ns).second) return refused("this state was used already; begin again without it");
    return {};
}

}  // namespace chronos::mcp
