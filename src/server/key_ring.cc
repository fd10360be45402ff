#include "server/key_ring.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos::server {
namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
/// Failed attempts of one address in a minute.
constexpr std::uint32_t kFailuresMax = 20;
constexpr std::size_t kAddressesMax = 10'000;
constexpr std::size_t kNameBytesMax = 128;

std::string entity_of(std::string_view id) { return "key:" + std::string(id); }

/// Tells one secret from another, and nothing of either.
access::KeyHash check_of(const std::array<std::byte, 32>& secret) {
    constexpr std::string_view kConstant = "chronos server.key";
    return base::hmac_sha256(secret, std::as_bytes(std::span(kConstant)));
}

std::string text_of(std::string_view value) {
    std::string scratch;
    return value.starts_with('"') ? std::string(json::unescaped(json::string_body(value), scratch))
                                  : std::string(value);
}

}  // namespace

std::unique_ptr<KeyRing> KeyRing::without_credentials(io::Environment world) {
    return std::unique_ptr<KeyRing>(new KeyRing(nullptr, world, {}));
}

Result<std::unique_ptr<KeyRing>> KeyRing::open(Store& system, io::Environment world, const ServerSecret& secret) {
    std::unique_ptr<KeyRing> ring(new KeyRing(&system, world, secret.bytes));
    if (Status loaded = ring->load(); !loaded.ok()) return base::with_context(std::move(loaded).error(), "API keys");
    if (Status noted = ring->note_secret(secret.is_new); !noted.ok())
        return base::with_context(std::move(noted).error(), "API keys");
    ring->mark_void();
    return ring;
}

Status KeyRing::load() {
    ASSIGN_OR_RETURN(const View view, system_->view());
    ReadOptions read{.limit = 1'000};
    read.filter.event_type_prefix = "key.";
    Page page;
    do {
        RETURN_IF_ERROR(view.read(read, page));
        for (const EventView& event : page.events()) RETURN_IF_ERROR(apply(event));
        read.cursor = page.next_cursor();
    } while (page.has_more());
    return {};
}

/// From here on keys are made under this secret; with `adopts` those before were so too.
Status KeyRing::apply_secret(const EventView& event) {
    access::KeyHash check;
    bool adopts = false;
    json::ObjectScanner fields(event.payload);
    while (fields.next()) {
        if (fields.raw_key() == "check") RETURN_IF_ERROR(access::parse_hex(text_of(fields.value()), check));
        if (fields.raw_key() == "adopts") adopts = fields.value() == "true";
    }
    for (auto& [id, key] : keys_) {
        if (adopts && !key.check) key.check = check;
    }
    noted_check_ = check;
    return {};
}

/// Keys of a store from before secrets were noted are taken to be of the one that is there.
Status KeyRing::note_secret(bool is_new) {
    const access::KeyHash check = check_of(server_key_);
    if (noted_check_ && access::is_same_hash(*noted_check_, check)) return {};
    const bool adopts = !noted_check_ && !is_new;
    std::string payload;
    json::ObjectWriter(payload).field("check", access::hex_of(check)).field("adopts", adopts).end();
    ASSIGN_OR_RETURN(const AppendResult appended,
                     system_->append({.entity_id = "server-secret", .event_type = "key.secret", .payload = payload}));
    (void)appended;
    for (auto& [id, key] : keys_) {
        if (adopts) key.check = check;
    }
    noted_check_ = check;
    return {};
}

void KeyRing::mark_void() {
    for (auto& [id, key] : keys_)
        key.info.is_void = !key.check || !noted_check_ || !access::is_same_hash(*key.check, *noted_check_);
}

/// What an event says of a key. Requires: the lock, or nobody else yet.
Status KeyRing::apply(const EventView& event) {
    if (event.event_type == "key.revoked") {
        const auto found = keys_.find(event.entity_id.substr(std::min<std::size_t>(4, event.entity_id.size())));
        if (found != keys_.end() && !found->second.info.revoked_at) found->second.info.revoked_at = event.recorded_at;
        return {};
    }
    if (event.event_type == "key.secret") return apply_secret(event);
    if (event.event_type != "key.created") return {};
    Key key{.check = noted_check_};
    key.info.created_at = event.recorded_at;
    json::ObjectScanner fields(event.payload);
    while (fields.next()) {
        const std::string_view name = fields.raw_key();
        if (name == "id") key.info.id = text_of(fields.value());
        if (name == "name") key.info.name = text_of(fields.value());
        if (name == "tenant") key.info.tenant = text_of(fields.value());
        if (name == "hash") RETURN_IF_ERROR(access::parse_hex(text_of(fields.value()), key.hash));
        if (name == "expires_at") {
            ASSIGN_OR_RETURN(key.info.expires_at, Timestamp::parse(text_of(fields.value())));
        }
        if (name != "scopes") continue;
        json::ArrayScanner scopes(fields.value());
        while (scopes.next()) {
            if (const auto scope = access::parse_scope(text_of(scopes.value()))) key.info.scopes.add(*scope);
        }
    }
    if (!key.info.id.empty()) keys_.emplace(key.info.id, key);
    return {};
}

bool KeyRing::is_usable(const KeyInfo& info) const {
    return !info.is_void && !info.revoked_at && (!info.expires_at || world_.clock.wall_ns() < info.expires_at->ns);
}

Result<access::Principal> KeyRing::authenticate(std::string_view credential, const std::string& peer) {
    if (system_ == nullptr)
        return access::Principal{.name = "anybody", .tenant = "default", .scopes = {access::Scope::kAdmin}};
    if (credential.empty())
        return base::fail(ErrorCode::kNotFound,
                          "a credential is needed: send Authorization: Bearer <API key>, or X-API-Key");
    Result<access::ApiKey> parsed = access::parse_api_key(credential);
    if (!parsed.ok()) return refused(peer, parsed.error().message);
    const access::KeyHash hash = access::hash_of(*parsed, server_key_);
    {
        const std::shared_lock lock(mutex_);
        const auto found = keys_.find(parsed->id);
        if (found != keys_.end() && access::is_same_hash(found->second.hash, hash) && is_usable(found->second.info)) {
            const KeyInfo& info = found->second.info;
            return access::Principal{
                .key_id = info.id, .name = info.name, .tenant = info.tenant, .scopes = info.scopes};
        }
    }
    return refused(peer, "this API key is not known, was revoked, or has expired; ask for a new one");
}

/// A good key is let in whatever others of its address did: guessing 256 bits is hopeless at any speed, and a
/// misconfigured program must not lock out its neighbours.
Error KeyRing::refused(const std::string& peer, std::string message) {
    if (has_failed_too_often(peer))
        return base::fail(ErrorCode::kLimitExceeded,
                          "too many wrong credentials from this address; wait a minute and check the key");
    note_failure(peer);
    return base::fail(ErrorCode::kNotFound, std::move(message));
}

bool KeyRing::is_live(const access::Principal& principal) const {
    if (system_ == nullptr || principal.key_id.empty()) return true;
    const std::shared_lock lock(mutex_);
    const auto found = keys_.find(principal.key_id);
    return found != keys_.end() && is_usable(found->second.info);
}

bool KeyRing::has_failed_too_often(const std::string& peer) {
    const std::lock_guard lock(failures_mutex_);
    const auto found = failures_.find(peer);
    return found != failures_.end() && found->second.count >= kFailuresMax &&
           world_.clock.monotonic_ns() - found->second.since_ns < kMinuteNs;
}

void KeyRing::note_failure(const std::string& peer) {
    const std::int64_t now = world_.clock.monotonic_ns();
    const std::lock_guard lock(failures_mutex_);
    if (failures_.size() >= kAddressesMax)
        std::erase_if(failures_, [now](const auto& entry) { return now - entry.second.since_ns >= kMinuteNs; });
    if (failures_.size() >= kAddressesMax) failures_.clear();
    Failures& failures = failures_[peer];
    if (now - failures.since_ns >= kMinuteNs) failures = {.since_ns = now};
    ++failures.count;
}

Result<KeyRing::Made> KeyRing::create(const NewKey& key, const std::function<Status(const std::string& text)>& keep) {
    if (system_ == nullptr)
        return base::fail(ErrorCode::kInvalidArgument, "this server runs without credentials; keys would do nothing");
    if (key.scopes.empty())
        return base::fail(ErrorCode::kInvalidArgument,
                          "a key needs at least one scope: read, write:forks, write, admin");
    if (key.name.size() > kNameBytesMax || !base::is_utf8(key.name))
        return base::fail(ErrorCode::kInvalidArgument, "name is at most 128 bytes of UTF-8");
    if (key.expires_at && key.expires_at->ns <= world_.clock.wall_ns())
        return base::fail(ErrorCode::kInvalidArgument, "expires_at is in the past");
    std::array<std::byte, access::kKeyIdBytes + access::kKeySecretBytes> random;
    world_.random.fill(random);
    const access::ApiKey made = access::make_api_key(random);
    Key entry{.info = {.id = made.id,
                       .name = key.name,
                       .tenant = key.tenant,
                       .scopes = key.scopes,
                       .expires_at = key.expires_at},
              .hash = access::hash_of(made, server_key_)};
    std::string scopes = "[";
    for (const access::Scope scope : key.scopes.granted()) {
        if (scopes.size() > 1) scopes += ',';
        json::append_string(scopes, access::scope_name(scope));
    }
    std::string payload;
    json::ObjectWriter writer(payload);
    writer.field("id", made.id)
        .field("name", key.name)
        .field("tenant", key.tenant)
        .raw_field("scopes", scopes + "]")
        .field("hash", access::hex_of(entry.hash));
    if (key.expires_at) writer.field("expires_at", key.expires_at->to_string());
    if (!key.creator.empty()) writer.field("creator", key.creator);
    writer.end();
    if (keep) RETURN_IF_ERROR(keep(made.text()));
    ASSIGN_OR_RETURN(const AppendResult appended,
                     system_->append({.entity_id = entity_of(made.id), .event_type = "key.created", .payload = payload},
                                     ExpectedVersion::none()));
    entry.info.created_at = appended.recorded_at;
    const std::unique_lock lock(mutex_);
    keys_.emplace(made.id, entry);
    return Made{.info = entry.info, .text = made.text()};
}

Result<KeyInfo> KeyRing::revoke(const std::string& id, const access::Principal& by) {
    {
        const std::shared_lock lock(mutex_);
        const auto found = keys_.find(id);
        if (found == keys_.end() || found->second.info.tenant != by.tenant)
            return base::fail(ErrorCode::kNotFound, "there is no key " + base::shortened(id));
        if (found->second.info.revoked_at) return found->second.info;
    }
    std::string payload;
    json::ObjectWriter(payload).field("id", id).field("actor", by.key_id).end();
    ASSIGN_OR_RETURN(const AppendResult appended,
                     system_->append({.entity_id = entity_of(id), .event_type = "key.revoked", .payload = payload}));
    const std::unique_lock lock(mutex_);
    KeyInfo& info = keys_.find(id)->second.info;
    if (!info.revoked_at) info.revoked_at = appended.recorded_at;
    return info;
}

std::vector<KeyInfo> KeyRing::list() const {
    const std::shared_lock lock(mutex_);
    std::vector<KeyInfo> keys;
    for (const auto& [id, key] : keys_) keys.push_back(key.info);
    std::sort(keys.begin(), keys.end(), [](const KeyInfo& a, const KeyInfo& b) { return a.created_at < b.created_at; });
    return keys;
}

std::optional<std::string> KeyRing::recorded_id(std::string_view credential) const {
    const Result<access::ApiKey> key = access::parse_api_key(credential);
    const std::shared_lock lock(mutex_);
    if (!key.ok() || !keys_.contains(key->id)) return std::nullopt;
    return key->id;
}

bool KeyRing::has_admin() const {
    const std::shared_lock lock(mutex_);
    return std::any_of(keys_.begin(), keys_.end(), [this](const auto& entry) {
        return is_usable(entry.second.info) && entry.second.info.scopes.allows(access::Scope::kAdmin);
    });
}

std::size_t KeyRing::void_count() const {
    const std::shared_lock lock(mutex_);
    return static_cast<std::size_t>(std::count_if(keys_.begin(), keys_.end(), [this](const auto& entry) {
        KeyInfo info = entry.second.info;
        return std::exchange(info.is_void, false) && is_usable(info);
    }));
}

}  // namespace chronos::server
