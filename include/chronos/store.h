// The embedded event store: open, append, view, read, state, follow.
//
//     auto store = chronos::Store::open({.directory = "data"});
//     store->append({.entity_id = "order:1", .event_type = "order.placed", .payload = R"({"total":42})"});
//     auto state = store->view()->state("order:1");
//
// Threads:   every method of Store, View and Follower from any thread at once; one Page per thread.
// Lifetimes: views, followers and pages must be released before the Store they came from is destroyed.
// Errors:    as Result; nothing throws but std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/append.h"
#include "chronos/changes.h"
#include "chronos/event.h"
#include "chronos/fork.h"
#include "chronos/read.h"
#include "chronos/state.h"
#include "chronos/types.h"

namespace chronos {

struct OpenOptions {
    std::string directory;
    bool create_if_missing = true;
    /// Nothing is written to disk and nothing survives; appends answer `memory`. For tests of your own code.
    bool in_memory = false;
    /// Appends despite a clock more than an hour off the last record.
    bool accept_clock = false;
    /// Bytes of empty log to keep prepared ahead; 0: what the log's growth calls for.
    std::uint64_t spare_bytes = 0;
    /// Bytes of memory to keep to; 0: a quarter of the machine's, at most 4 GiB. Over it things get slower, never
    /// wrong. At least: heads of all entities (about 100 bytes each) and what is being appended.
    std::uint64_t memory_budget = 0;
    /// Events of one merge at most.
    std::uint64_t max_merge_events = 1'000'000;
    /// Live forks at most.
    std::uint32_t fork_limit = 1'000;
    /// Called while the log is read back, with bytes done and in all; from the opening thread.
    std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
};

struct EventTypeCount {
    std::string event_type;
    std::uint64_t count = 0;
    Timestamp first_recorded_at, last_recorded_at;
};

/// What a store holds in memory, in bytes. Of heads, files, log_tail nothing can be given back.
struct MemoryUse {
    std::uint64_t heads = 0;        ///< Heads of all entities.
    std::uint64_t files = 0;        ///< Filters and checksums of index files and segments.
    std::uint64_t log_tail = 0;     ///< The segment appended to, and memory made ahead of it.
    std::uint64_t log_waiting = 0;  ///< Segments that have no index file yet.
    std::uint64_t working = 0;      ///< While index files are written or merged.
    std::uint64_t held_parts = 0;   ///< Parts of the index that only long reads still use.
    std::uint64_t parts = 0;        ///< Parts of the index in memory.
    std::uint64_t blocks = 0;       ///< Blocks of segments and index files.
};

struct Stats {
    Uuid database;
    std::uint64_t event_count = 0;  ///< On main, in the view.
    std::uint64_t entity_count = 0;
    std::uint64_t log_bytes = 0;  ///< In use, without spares.
    std::uint64_t file_bytes = 0;
    std::uint32_t segment_count = 0;
    std::uint32_t writer_epoch = 0;
    std::uint64_t commits = 0;      ///< Since open.
    DurationCounts syncs;           ///< Writes that returned when they were durable, and syncs, since open.
    std::uint64_t spare_waits = 0;  ///< Rolls that had to prepare a segment first.
    std::uint64_t memory_budget = 0;
    std::uint64_t memory_bytes = 0;  ///< The sum of `memory`.
    MemoryUse memory;                ///< All 0 for a store in memory.
    std::uint64_t memory_waits = 0;  ///< Appends that waited for memory.
    std::uint64_t index_files = 0;
    std::uint64_t index_bytes = 0;
    std::uint64_t snapshot_files = 0;  ///< Saved states of entities: they save time, and can be deleted.
    std::uint64_t snapshot_bytes = 0;
    std::uint64_t block_loads = 0;     ///< Reads of blocks that were not in memory.
    std::uint64_t scrubbed_bytes = 0;  ///< Sealed files read again in search of damage.
    std::vector<std::string> scrub_findings;
    std::uint64_t reclaimed_bytes = 0;  ///< Of disk, given back since open: space of forks that are gone.
    std::string reclaim_error;          ///< Why some could not be given back, when it was last tried; else empty.
    std::string commit_method;          ///< "direct", "buffered" or "memory".
    std::optional<Timestamp> first_recorded_at, last_recorded_at;
    std::vector<EventTypeCount> event_types;  ///< Most frequent first.
};

/// What a backup or a restored store holds.
struct BackupReport {
    Uuid database;
    std::uint64_t segment_count = 0;
    std::uint64_t copied_segment_count = 0;  ///< The others were there already.
    std::uint64_t bytes = 0;
    std::uint64_t copied_bytes = 0;
};

/// What an asynchronous append will come to. Get it once.
class PendingAppend {
public:
    PendingAppend();
    PendingAppend(PendingAppend&&) noexcept;
    PendingAppend& operator=(PendingAppend&&) noexcept;
    ~PendingAppend();
    /// Waits for the answer.
    Result<AppendResult> get();
    /// Whether `get` would return at once.
    [[nodiscard]] bool ready() const;

    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The immutable state of one branch at one position: a handle, O(1) to make and copy.
class View {
public:
    [[nodiscard]] ViewInfo info() const;

    /// A page of all events, filtered. Errors: kInvalidArgument, kCursorMismatch, kLimitExceeded.
    Status read(const ReadOptions& options, Page& page) const;
    /// The view in which a cursor's first page was read, which is what the pages behind it are read in; its `known_at`
    /// stands in `at`. Errors: kCursorMismatch.
    Result<View> of_cursor(std::string_view cursor) const;
    /// A page of one entity's events; an unknown entity gives an empty page.
    Status read_entity(std::string_view entity_id, const EntityReadOptions& options, Page& page) const;
    /// The last `count` events of an entity, newest first. Errors: kWouldBlock if disk would have to be read.
    Status read_last_resident(std::string_view entity_id, std::uint32_t count, Page& page) const;
    /// The event with this id. Errors: kNotFound.
    Status read_event(const Uuid& id, Page& page) const;

    Result<State> state(std::string_view entity_id, const StateOptions& options = {}) const;
    /// Each event with the fields it changed, oldest first.
    Result<std::vector<HistoryEntry>> history(std::string_view entity_id, const StateOptions& options = {}) const;
    /// A part of it. Events before the part are folded as well, but not kept.
    Result<HistoryPage> history_page(std::string_view entity_id, const StateOptions& options,
                                     const HistoryPart& part) const;

    /// What differs from `before`, a view of the same store: of the same branch or of another one. Entities whose
    /// events differ are listed; the cost follows the difference, not the store.
    ///
    /// Errors: kInvalidArgument, kLimitExceeded.
    Result<Changes> changes(const View& before, const ChangesOptions& options = {}) const;

    /// Entity ids that start with `prefix`, sorted, after `after`, at most `limit`.
    Result<std::vector<std::string>> entities(std::string_view prefix, std::string_view after,
                                              std::uint32_t limit) const;
    Result<Stats> stats() const;
    /// How many events match. Errors as `read`.
    ///
    /// Cost: of filters by nothing, by types, by the start of types or by entities, besides times of recording, a few
    /// look-ups, unless the view is as of a time; of others as of reading what matches.
    Result<std::uint64_t> count(const Filter& filter) const;
    /// The same, but stops when it has looked at so many events.
    Result<MatchCount> count_within(const Filter& filter, std::uint64_t examined_max) const;

    struct Impl;
    std::shared_ptr<const Impl> impl_;
};

/// Reads a branch in order and then waits for more: pull, so a slow reader never delays an append.
class Follower {
public:
    Follower(Follower&&) noexcept;
    Follower& operator=(Follower&&) noexcept;
    ~Follower();

    /// Up to `max` further events that match, fewer where they are large; waits up to `timeout_ms` for the first. An
    /// empty page: none came.
    Status next(std::uint32_t max, std::uint32_t timeout_ms, Page& page);
    /// Readable (poll, epoll) when `next` has work; owned by the follower.
    Result<int> event_fd();
    /// Position of the last event given or passed over; resume with it as `after`.
    [[nodiscard]] std::optional<Position> position() const;

    struct Impl;
    explicit Follower(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

struct FollowOptions {
    std::string branch = "main";
    Filter filter;
    /// Exclusive; absent: from the start.
    std::optional<Position> after;
    /// From now on, instead of `after`.
    bool from_head = false;
    /// A page ends behind the event with which its payloads and metadata reach this size.
    std::size_t page_bytes = std::size_t{8} << 20;
};

class Store {
public:
    /// Opens or creates a store; recovers it when it was not closed.
    ///
    /// Errors: kLocked, kCorrupt (with positions, file and offset), kUnsupported, kIo, kNotFound.
    static Result<Store> open(const OpenOptions& options);

    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();  ///< Closes; appends not yet answered get kClosed or their answer.

    /// Appends one event or several as one batch and waits for the answer.
    ///
    /// Errors: kInvalidArgument, kVersionConflict, kIdConflict, kPartialDuplicate, kIndeterminate, kReadOnly, kNoSpace.
    Result<AppendResult> append(const NewEvent& event, const ExpectedVersion& expected = {},
                                const AppendOptions& options = {});
    Result<AppendResult> append(std::span<const NewEvent> events, std::span<const Condition> conditions = {},
                                const AppendOptions& options = {});
    Result<AppendResult> append(BatchBuilder&& batch, const AppendOptions& options = {});
    /// One event object, an array of them, or {"events": […], "conditions": […]}.
    Result<AppendResult> append_json(std::string_view json, const AppendOptions& options = {});

    /// Hands the batch over and returns; at most 32 MiB wait for the disk, beyond that it waits for room.
    Result<PendingAppend> append_async(BatchBuilder&& batch, const AppendOptions& options = {});
    /// The same with a completion, called once on a thread of the store; it must not block or append synchronously.
    Status append_async(BatchBuilder&& batch, const AppendOptions& options,
                        std::function<void(Result<AppendResult>)> done);

    /// Pins a view. Errors: kNotFound for a branch, kInvalidArgument for a position beyond the head.
    Result<View> view(const ViewOptions& options = {}) const;

    /// Makes a fork; durable when it returns, and O(1).
    ///
    /// Errors: kInvalidArgument, kNotFound and kGone for the parent, kAlreadyExists for the name, kLimitExceeded.
    Result<ForkInfo> create_fork(const ForkOptions& options = {});
    /// The fork of this id or name. Errors: kNotFound.
    Result<ForkInfo> fork(std::string_view id_or_name) const;
    /// Forks in the order they were made.
    Result<std::vector<ForkInfo>> forks(const ForkListOptions& options = {}) const;
    /// It expires `ttl_ns` from now. Errors: kInvalidArgument, kNotFound, kGone.
    Result<ForkInfo> extend_fork(std::string_view id_or_name, std::int64_t ttl_ns);
    /// Throws the fork and its events away. Errors: kNotFound, kGone.
    Result<ForkInfo> discard_fork(std::string_view id_or_name);
    /// Appends the fork's events to its parent, all or nothing, if every condition they were written under still holds
    /// there. Conflicts are an answer, not an error. Merging again gives the first answer.
    ///
    /// Errors: kNotFound, kGone, kInvalidArgument, kLimitExceeded; those of appends.
    Result<MergeResult> merge_fork(std::string_view id_or_name, const MergeOptions& options = {});

    /// Gives back the space of forks that cannot be read any more, now and however little; by itself the store does it
    /// behind other work, where enough is to be had. `on_progress` gets bytes of the log done and in all, on this
    /// thread.
    ///
    /// Errors: kNoSpace, kIo, kReadOnly, kClosed; what was given back before stays so.
    Result<ReclaimResult> reclaim_forks(
        const std::function<void(std::uint64_t done, std::uint64_t total)>& on_progress = {});

    Result<Follower> follow(const FollowOptions& options) const;
    /// Calls `on_events` with each page on a thread of its own until it returns false or the returned handle is
    /// destroyed.
    Result<std::unique_ptr<void, void (*)(void*)>> follow(const FollowOptions& options,
                                                          std::function<bool(const Page&)> on_events) const;

    /// Copies the store, while it is used, to a directory that is new or holds an earlier backup of it: what was
    /// acknowledged before the call is in it. Sealed parts of the log that the earlier one has are not copied again.
    ///
    /// Errors: kCorrupt — what is copied does not match its checksums; kAlreadyExists — the directory holds something
    /// else; kLocked, kNoSpace, kIo: an earlier backup there stays usable.
    Result<BackupReport> backup(const std::string& target,
                                const std::function<void(std::uint64_t done, std::uint64_t total)>& on_progress = {});

    /// The secret-free identity of the database.
    [[nodiscard]] Uuid database() const;
    /// Accepts the clock as it is from now on, after kClockSuspect.
    Status confirm_clock();
    /// Syncs what waits, writes the closing marker, releases the lock. Later calls answer kClosed.
    Status close();

    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// Damage or a loss that verify or salvage found.
struct Finding {
    std::string file;
    std::uint64_t offset = 0;
    std::optional<Position> first_position, end_position;  ///< [first, end); absent: not known.
    std::string what;
};

struct VerifyReport {
    bool intact = false;
    std::uint64_t event_count = 0;
    std::uint64_t record_count = 0;
    std::uint64_t segment_count = 0;
    std::uint64_t bytes = 0;
    std::vector<Finding> findings;
};

/// Reads everything of a closed store and checks it; changes nothing.
Result<VerifyReport> verify(const std::string& directory,
                            std::function<void(std::uint64_t, std::uint64_t)> on_progress = {});

struct SalvageReport {
    std::uint64_t recovered_events = 0;
    std::uint64_t lost_events = 0;  ///< As far as the gaps tell.
    std::uint64_t fork_events = 0;  ///< Of forks, which are left behind.
    std::vector<Finding> losses;
};

/// Copies what can be read of a closed, damaged store into a new one at `target`, which records each loss as an event.
Result<SalvageReport> salvage(const std::string& directory, const std::string& target);

/// Makes a store of a backup, in a directory that holds nothing. Every byte is compared with hashes and checksums.
///
/// Errors: kNotFound — there is no backup; kCorrupt, and nothing was made; kAlreadyExists, kNoSpace, kIo.
Result<BackupReport> restore(const std::string& backup, const std::string& target,
                             const std::function<void(std::uint64_t, std::uint64_t)>& on_progress = {});

}  // namespace chronos
