// State that a client keeps for us between two requests, sealed: it opens only for whoever it was made for, with the
// same request, within five minutes and once.
//
//     token = base64url(payload) "." base64url(HMAC-SHA-256 of payload)
//     payload = {"for": principal, "of": digest of method and parameters, "until": time, "once": nonce, "state": …}
//
// The key is made at the start of the process, so a token does not outlive it; or it is given, by who keeps it between
// processes: then times are those of the wall clock, and within one process a token is good once.
//
// Threads: any.
// Source: MCP 2026-07-28, "Multi Round-Trip Requests", "Server Requirements".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "access/principal.h"
#include "io/environment.h"
#include "mcp/tool.h"

namespace chronos::mcp {

class Seal {
public:
    static constexpr std::int64_t kLifetimeSeconds = 300;

    using Key = std::array<std::byte, 32>;

    explicit Seal(io::Environment world);
    /// With a key that other processes have too.
    Seal(io::Environment world, const Key& key);

    /// What a token is bound to: who asks, and for what.
    struct Binding {
        std::string holder;
        std::string digest;
    };
    /// `salient`: the part of the parameters that must be the same when the token comes back.
    static Binding binding_of(const access::Principal& principal, std::string_view method, const Json& salient);

    std::string seal(const Binding& binding, const Json& state);
    [[nodiscard]] io::Environment world() const { return world_; }

    /// The state of a token that is ours, meant for this and not yet used; from now on it is used.
    ///
    /// Errors: kInvalidArgument, saying what is wrong with it; kLimitExceeded — too many were used of late.
    Result<Json> open(std::string_view token, const Binding& binding);

private:
    Status use_up(const std::string& nonce, std::int64_t until_ns);
    [[nodiscard]] std::int64_t now_ns() const;

    io::Environment world_;
    Key key_{};
    const bool is_key_shared_;
    std::mutex mutex_;
    std::map<std::string, std::int64_t> used_;  ///< Nonces, until when to remember them. Guarded by mutex_.
};

std::string base64url(std::string_view bytes);
std::string base64(std::string_view bytes);
/// Of either alphabet, padded or not. Nothing when it is neither.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace chronos::mcp
