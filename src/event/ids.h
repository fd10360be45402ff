// Identity inside the engine: seq, branch numbers, and ids of events that lead to their batch.
//
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "chronos/types.h"

namespace chronos::event {

/// Dense number of an event over all branches of a database; never reused, never public.
using Seq = StrongNumber<struct SeqTag>;

/// Number of a branch in the log.
using BranchNumber = std::uint32_t;
inline constexpr BranchNumber kMainBranch = 0;
inline constexpr BranchNumber kSystemBranch = 1;
/// Forks are numbered from 2 on, in the order they were made; more than that are refused.
inline constexpr BranchNumber kBranchMax = 10'000'000;

/// A derived event id is its batch's id with the ordinal in the last 24 bits.
Uuid derived_event_id(const Uuid& batch_id, std::uint32_t ordinal);
std::uint32_t ordinal_of(const Uuid& event_id);
/// `id` with its last 24 bits cleared: the batch it would derive from.
Uuid batch_id_of(const Uuid& event_id);

/// UUID version 5 (RFC 9562 §5.5) of `name` in `space`.
Uuid uuid_v5(const Uuid& space, std::string_view name);
/// UUID version 7 (RFC 9562 §5.7) from a wall time and 10 random bytes.
Uuid uuid_v7(std::int64_t wall_ns, std::span<const std::byte, 10> random);

/// The id under which a batch with the caller's `batch_id` or `idempotency key` is stored.
Uuid batch_id_from_client(const Uuid& database, const Uuid& client_batch_id);
Uuid batch_id_from_key(const Uuid& database, std::string_view idempotency_key);

}  // namespace chronos::event
