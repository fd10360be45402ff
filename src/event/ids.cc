#include "event/ids.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"

namespace chronos::event {
namespace {

Uuid with_version(Uuid uuid, unsigned version) {
    uuid.bytes[6] = (uuid.bytes[6] & std::byte{0x0F}) | static_cast<std::byte>(version << 4);
    uuid.bytes[8] = (uuid.bytes[8] & std::byte{0x3F}) | std::byte{0x80};
    return uuid;
}

}  // namespace

Uuid derived_event_id(const Uuid& batch_id, std::uint32_t ordinal) {
    Uuid id = batch_id;
    id.bytes[13] = static_cast<std::byte>(ordinal >> 16);
    id.bytes[14] = static_cast<std::byte>(ordinal >> 8);
    id.bytes[15] = static_cast<std::byte>(ordinal);
    return id;
}

std::uint32_t ordinal_of(const Uuid& event_id) {
    return static_cast<std::uint32_t>(event_id.bytes[13]) << 16 | static_cast<std::uint32_t>(event_id.bytes[14]) << 8 |
           static_cast<std::uint32_t>(event_id.bytes[15]);
}

Uuid batch_id_of(const Uuid& event_id) { return derived_event_id(event_id, 0); }

Uuid uuid_v5(const Uuid& space, std::string_view name) {
    std::string text(base::as_text(space.bytes));
    text += name;
    const auto digest = base::sha1(base::as_bytes(text));
    Uuid uuid;
    std::copy_n(digest.begin(), uuid.bytes.size(), uuid.bytes.begin());
    return with_version(uuid, 5);
}

Uuid uuid_v7(std::int64_t wall_ns, std::span<const std::byte, 10> random) {
    const auto ms = static_cast<std::uint64_t>(wall_ns < 0 ? 0 : wall_ns / 1'000'000);
    Uuid uuid;
    for (unsigned i = 0; i < 6; ++i) uuid.bytes[i] = static_cast<std::byte>(ms >> (40 - 8 * i));
    std::copy(random.begin(), random.end(), uuid.bytes.begin() + 6);
    return with_version(uuid, 7);
}

Uuid batch_id_from_client(const Uuid& database, const Uuid& client_batch_id) {
    return batch_id_of(uuid_v5(database, "batch:" + client_batch_id.to_string()));
}

Uuid batch_id_from_key(const Uuid& database, std::string_view idempotency_key) {
    return batch_id_of(uuid_v5(database, idempotency_key));
}

}  // namespace chronos::event
