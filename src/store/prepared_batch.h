// A batch made ready on its caller's thread: checked, laid out, hashed. What is left for the writer step is comparing,
// copying and index updates.
//
// Threads: used by one thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "chronos/append.h"
#include "event/batch_content.h"
#include "store/index_set.h"

namespace chronos::store {

struct PreparedBatch {
    BatchBuilder::Content content;
    event::EncodedConditions conditions;
    event::BodyHeader header;  ///< Complete but for recorded_at and first_position.
    /// The batch id is the caller's: it may be known already.
    bool batch_id_is_given = false;
    bool has_explicit_ids = false;
    std::vector<std::uint64_t> entity_hashes;

    [[nodiscard]] std::size_t body_size() const {
        return event::kBodyHeaderSize + conditions.bytes.size() + content.events.size();
    }
    [[nodiscard]] Uuid event_id(const event::EventBytes& event) const {
        return event.has(event::kExplicitId) ? event.explicit_id()
                                             : event::derived_event_id(header.batch_id, event.header().ordinal);
    }
    /// Ids of all events, in order.
    [[nodiscard]] std::vector<Uuid> event_ids() const;
    /// Writes the body to `to`, body_size() bytes.
    void write_body(std::byte* to) const;
};

struct PrepareOptions {
    Uuid database;
    event::BranchNumber branch = event::kMainBranch;
    /// Used when the content has none.
    Uuid fresh_batch_id;
};

/// Errors: kInvalidArgument, kLimitExceeded, naming event and rule.
Result<PreparedBatch> prepare(BatchBuilder::Content content, const AppendOptions& options,
                              const PrepareOptions& prepare_options, const IndexSet& indexes);

}  // namespace chronos::store
