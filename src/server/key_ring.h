// The API keys of a server: kept as events in its system store, looked up for each request.
//
// Only a keyed hash of a key's secret is kept. A revoked key is refused from the next request on, and its open streams
// end within a second.
//
// Which secret hashes were made under is told by a check value, kept beside them: without the secret a key is void, and
// must not count as one that somebody can use.
//
//     key.secret {check: A}   key.created …   key.created …   key.secret {check: B}   key.created …
//                             under A: void, unless A is the secret again             under B
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "access/api_key.h"
#include "access/principal.h"
#include "chronos/store.h"
#include "io/environment.h"

namespace chronos::server {

struct KeyInfo {
    std::string id;
    std::string name;
    std::string tenant;
    access::Scopes scopes;
    Timestamp created_at;
    std::optional<Timestamp> expires_at;
    std::optional<Timestamp> revoked_at;
    /// Made under another secret than the server has now.
    bool is_void = false;
};

/// The secret under which hashes of keys are kept.
struct ServerSecret {
    std::array<std::byte, 32> bytes{};
    bool is_new = false;  ///< There was none; keys that are there already were made under a lost one.
};

struct NewKey {
    std::string name;
    access::Scopes scopes;
    std::string tenant = "default";
    std::optional<Timestamp> expires_at;
    std::string creator;  ///< Id of the key that asked for it.
};

class KeyRing {
public:
    /// Reads the keys that `system` knows, and notes there which secret those that come are made under.
    static Result<std::unique_ptr<KeyRing>> open(Store& system, io::Environment world, const ServerSecret& secret);
    /// Everybody may do everything, and credentials are not looked at.
    static std::unique_ptr<KeyRing> without_credentials(io::Environment world);

    /// Errors: kNotFound — no, unknown, mistyped, expired or revoked credential; kLimitExceeded — this address failed
    /// too often of late. Messages hold nothing of the credential.
    Result<access::Principal> authenticate(std::string_view credential, const std::string& peer);
    /// Whether an open stream of this principal may go on.
    [[nodiscard]] bool is_live(const access::Principal& principal) const;

    struct Made {
        KeyInfo info;
        std::string text;  ///< The key; kept nowhere.
    };
    /// Durable when it returns. `keep` is given the key's text before anybody may use it, for the one place that keeps
    /// it; if it fails there is no such key. Errors: kInvalidArgument, those of appends and of `keep`.
    Result<Made> create(const NewKey& key, const std::function<Status(const std::string& text)>& keep = nullptr);
    /// Errors: kNotFound, also for a key of another tenant; those of appends.
    Result<KeyInfo> revoke(const std::string& id, const access::Principal& by);
    [[nodiscard]] std::vector<KeyInfo> list() const;
    [[nodiscard]] bool needs_credentials() const { return system_ != nullptr; }
    /// The id of this key if it was ever recorded, usable or not.
    [[nodiscard]] std::optional<std::string> recorded_id(std::string_view credential) const;
    /// Whether somebody may make keys: without, the next start makes an admin key.
    [[nodiscard]] bool has_admin() const;
    /// Keys that would be good if the server still had the secret they were made under.
    [[nodiscard]] std::size_t void_count() const;

private:
    struct Key {
        KeyInfo info;
        access::KeyHash hash{};
        std::optional<access::KeyHash> check;  ///< Of the secret it was made under; absent: nobody noted it.
    };
    struct Failures {
        std::int64_t since_ns = 0;
        std::uint32_t count = 0;
    };
    KeyRing(Store* system, io::Environment world, std::array<std::byte, 32> server_key)
        : system_(system), world_(world), server_key_(server_key) {}

    Status load();
    Status apply(const EventView& event);
    Status apply_secret(const EventView& event);
    Status note_secret(bool is_new);
    void mark_void();
    bool is_usable(const KeyInfo& info) const;
    Error refused(const std::string& peer, std::string message);
    bool has_failed_too_often(const std::string& peer);
    void note_failure(const std::string& peer);

    Store* system_;
    io::Environment world_;
    const std::array<std::byte, 32> server_key_;
    mutable std::shared_mutex mutex_;
    std::map<std::string, Key, std::less<>> keys_;  // guarded by mutex_
    std::optional<access::KeyHash> noted_check_;    // while it is opened
    std::mutex failures_mutex_;
    std::unordered_map<std::string, Failures> failures_;  // guarded by failures_mutex_
};

}  // namespace chronos::server
