// Views: which events count, and reading them one by one or by entity.
//
// Threads: values and functions without state; nothing here takes a lock that a writer can hold.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/read.h"
#include "store/database.h"
#include "store/layers.h"
#include "store/reader.h"

namespace chronos::store {

/// A resolved view: events of `branch` and its ancestors below the ends of their layers that occurred by `as_of`.
struct PinnedView {
    event::BranchNumber branch = event::kMainBranch;
    std::uint64_t end_seq = 0;
    /// The branch and its ancestors; no layer ends above end_seq.
    Layers layers;
    /// The same of everything that was published when the view was made.
    Layers published_layers;
    /// What was published when the view was made; end_seq or more.
    std::uint64_t published_seq = 0;
    std::optional<Timestamp> as_of;
    ViewInfo info;
    std::shared_ptr<const void> hold;  ///< Of a fork: keeps what it sees from being removed.

    [[nodiscard]] bool counts(const event::EventBytes& event) const {
        return !as_of || event.occurred_at() <= as_of->ns;
    }
};

/// Errors: kNotFound for a branch; kInvalidArgument for a position beyond the head or contradicting options.
Result<PinnedView> pin_view(const Database& database, const ViewOptions& options);

/// An event as readers see it; valid as long as its bytes.
EventView make_event_view(const Reader::Found& found);

/// Empties a page and lets go of what it held.
void reset(Page& page);
/// Adds events to a page, which holds on to their bytes. Errors: as the reader's.
Status add_events(Reader& reader, std::span<const std::uint64_t> seqs, Page& page);
/// What a reader for a page needs.
Reader::Options reading_into(Page& page, bool resident_only = false);

/// A page of an entity's events. Errors: kInvalidArgument, kLimitExceeded.
Status read_entity(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id,
                   const EntityReadOptions& options, Page& page);

/// The last `count` events of an entity, newest first.
/// Errors: kLimitExceeded; kWouldBlock if disk would have to be read.
Status read_last_resident(const IndexSet& indexes, const PinnedView& view, std::string_view entity_id,
                          std::uint32_t count, Page& page);

/// Errors: kNotFound.
Status read_event(const IndexSet& indexes, const PinnedView& view, const Uuid& id, Page& page);

/// Calls `visit` with the id of each entity that starts with `prefix` and has an event that the view counts, in no
/// order. Cost: passes over the heads of all entities of the database.
Status for_each_entity(Reader& reader, const PinnedView& view, std::string_view prefix,
                       const std::function<void(std::string_view)>& visit);

/// Entity ids with `prefix` that have an event in the view, sorted, after `after`.
Result<std::vector<std::string>> list_entities(const IndexSet& indexes, const PinnedView& view, std::string_view prefix,
                                               std::string_view after, std::uint32_t limit);

}  // namespace chronos::store
