// Whether the conditions of a batch hold, and whether its ids are known (docs/reference/appending.md).
//
// Threads: `first_match` from any thread; the others under the writer's lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "chronos/append.h"
#include "store/index_set.h"
#include "store/prepared_batch.h"
#include "store/reader.h"

namespace chronos::store {

/// The first event of the layers with begin_seq ≤ seq < end_seq that matches, by the indexes.
/// Requires: seqs below end_seq are published and indexed. Errors: the reader's.
std::optional<std::uint64_t> first_match(Reader& reader, const Layers& layers, const Query& query,
                                         std::uint64_t begin_seq, std::uint64_t end_seq);

/// The same by looking at each event; needs nothing published.
std::optional<std::uint64_t> first_match_by_scan(Reader& reader, const Layers& layers, const Query& query,
                                                 std::uint64_t begin_seq, std::uint64_t end_seq);

/// The same for many queries, by looking once at each event.
struct ScanQuery {
    const Query* query = nullptr;
    std::uint64_t begin_seq = 0;  ///< At most the scan's end.
};
std::vector<std::optional<std::uint64_t>> first_matches_by_scan(Reader& reader, const Layers& layers,
                                                                std::span<const ScanQuery> queries,
                                                                std::uint64_t end_seq);

/// The first seq a "no event matches" condition looks at: behind `after`, or past every seq when that is beyond the
/// head.
std::uint64_t first_seq_after(const IndexSet& indexes, const Layers& layers, std::optional<Position> after,
                              std::uint64_t end_seq);

/// Expected versions that do not hold, of all conditions and events.
void check_versions(const IndexSet& indexes, const PreparedBatch& batch, std::vector<FailedCondition>& failed);

/// What an event at `seq` looks like in a conflict.
FailedCondition::Match describe_match(Reader& reader, std::uint64_t seq);

/// Which events of a batch are in the store already.
struct KnownEvents {
    /// For each event of the batch the seq of the event with its id, if there is one.
    std::vector<std::optional<std::uint64_t>> seqs;
    std::size_t count = 0;
    /// The batch id is known, with other events than these.
    bool batch_differs = false;
};
struct KnownRange {
    std::uint64_t begin_seq = 0, end_seq = 0;
};
/// Looks among begin_seq ≤ seq < end_seq. Empty `seqs` when nothing is known. Errors: the reader's.
KnownEvents find_known(Reader& reader, const PreparedBatch& batch, const KnownRange& range);
/// What two neighbouring ranges know together.
KnownEvents join(KnownEvents earlier, const KnownEvents& later);

/// Same type, entity, tags, payload as a JSON value, and occurred_at if it was sent; metadata is not compared.
bool same_content(const event::EventBytes& sent, const event::EventBytes& stored);

}  // namespace chronos::store
