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
#include "store/layers.h"

namespace chronos::store {

struct PreparedBatch {
    BatchBuilder::Content content;
    event::EncodedConditions conditions;
    event::BodyHeader header;  ///< Complete but for recorded_at and first_position.
    /// The batch id is the caller's: it may be known already.
    bool batch_id_is_given = false;
    bool has_explicit_ids = false;
    std::vector<std::uint64_t> entity_hashes;
    /// The branch it is for, up to whatever will have been appended.
    Layers layers;
    /// Events with derived ids may stand in the store under explicit ones, where a fork was merged that has a batch
    /// with this id.
    bool looks_for_derived_ids = false;
    /// The extensions of the body.
    std::vector<std::byte> extensions;

    [[nodiscard]] std::size_t body_size() const {
        return event::kBodyHeaderSize + conditions.bytes.size() + extensions.size() + content.events.size();
    }
    [[nodiscard]] Uuid event_id(const event::EventBytes& event) const {
        return event.has(event::kExplicitId) ? event.explicit_id()
                                             : event::derived_event_id(header.batch_id, event.header().ordinal);
    }
    /// Ids of all events, in order.
    [[nodiscard]] std::vector<Uuid> event_ids() const;
    /// Events that the fork inherits of the entity of an event or condition; 0 on a branch without ancestors.
    [[nodiscard]] std::uint64_t inherited_by_event(std::uint32_t index) const {
        return index < event_inherited.size() ? event_inherited[index] : 0;
    }
    [[nodiscard]] std::uint64_t inherited_by_condition(std::size_t index) const {
        return index < condition_inherited.size() ? condition_inherited[index] : 0;
    }
    std::vector<std::uint64_t> event_inherited, condition_inherited;
    /// Writes the body to `to`, body_size() bytes.
    void write_body(std::byte* to) const;
};

struct PrepareOptions {
    Uuid database;
    Layers layers;
    bool looks_for_derived_ids = false;
    /// The events were checked when they were first appended, and limits for clients do not bind them: a merge.
    bool is_checked = false;
    /// Used when the content has none.
    Uuid fresh_batch_id;
};

/// Errors: kInvalidArgument, kLimitExceeded, naming event and rule; kIo, kCorrupt where a fork inherits from.
Result<PreparedBatch> prepare(BatchBuilder::Content content, const AppendOptions& options,
                              const PrepareOptions& prepare_options, const IndexSet& indexes);

}  // namespace chronos::store
