// One database: the engine behind every front end. Append, views, maintenance.
//
// An append, step by step:
//   1. caller's thread   prepare: check, validate JSON, hash; evaluate "no event matches" up to what is published
//   2. writer's lock     ids, versions, the rest of the conditions; body into the log's image; heads and ids indexed
//   3. commit role       seal, write, sync; publish; answer (commit_queue.h)
//   4. behind            types, tags, metadata keys (index_set.h); spares, seals, markers (maintenance thread);
//                        index files, merges, memory (index_keeper.h, the indexing thread)
//
// Threads: every method from any thread. Lock order: docs/locks.md.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "cache/image_cache.h"
#include "chronos/append.h"
#include "chronos/read.h"
#include "io/environment.h"
#include "store/branches.h"
#include "store/commit_queue.h"
#include "store/conditions.h"
#include "store/index_keeper.h"
#include "store/index_set.h"
#include "store/merge.h"
#include "store/prepared_batch.h"
#include "store/reclaimer.h"
#include "store/scrubber.h"
#include "wal/log.h"

namespace chronos::store {

/// A clock so far off is not believed without being asked.
inline constexpr std::int64_t kClockSuspectNs = 3'600LL * 1'000'000'000;

struct DatabaseOptions {
    wal::LogOptions log;
    bool in_memory = false;
    bool accept_clock = false;
    /// Without background threads the caller does everything, in a fixed order: for simulation.
    bool with_threads = true;
    /// Bytes of memory to keep to, as far as that goes: heads of streams and what is being appended stay in any case.
    std::uint64_t memory_budget = std::uint64_t{1} << 30;
    /// Sealed segments and index files that are open at once.
    std::size_t open_files_max = 256;
    /// Index files of one size that are merged into one of the next.
    std::size_t merge_count = 8;
    /// Neighbouring index files with so few events are merged at once (index_keeper.h).
    std::uint64_t merge_small_events = std::uint64_t{1} << 20;
    /// How fast sealed files are read again in search of damage; 0: not at all.
    std::uint64_t scrub_bytes_per_second = std::uint64_t{16} << 20;
    /// How fast segments are rewritten to give back the space of forks that are gone; 0: only when asked for.
    std::uint64_t reclaim_bytes_per_second = std::uint64_t{32} << 20;
    /// What a segment has to give back for that.
    Reclaimer::Limits reclaim_limits{.gain_min_bytes = std::uint64_t{256} << 10, .gain_min_percent = 25};
    /// Events of one merge at most.
    std::uint64_t max_merge_events = 1'000'000;
    /// Live forks at most.
    std::uint32_t fork_limit = 1'000;
    /// Facts about forks after which what they came to is saved (fork_table.h).
    std::uint64_t fork_table_facts = 1'000;
    std::function<void(std::uint64_t done, std::uint64_t total)> on_progress;
    /// Called once, behind, when so much is appended that choosing the faster way to write pays.
    std::function<void()> on_busy;
};

/// Told after each publication, on the committing thread; must be quick and must not call back.
class PublishListener {
public:
    PublishListener() = default;
    PublishListener(const PublishListener&) = delete;
    PublishListener& operator=(const PublishListener&) = delete;
    virtual ~PublishListener() = default;
    virtual void on_published(std::uint64_t published_seq) = 0;
};

/// What giving back space came to.
struct Reclaimed {
    std::uint64_t bytes = 0;  ///< Of disk.
    std::uint64_t segments = 0;
    std::uint64_t events = 0;
    std::uint64_t waiting_segments = 0;  ///< Whose old files somebody still reads.
    bool has_held_forks = false;         ///< Forks that are gone are still read by somebody.
};

class Database {
public:
    /// Opens `directory` (of one store, holding one database), creating it if asked; recovers.
    ///
    /// Errors: kLocked, kNotFound, kCorrupt, kUnsupported, kNoSpace, kIo.
    static Result<std::unique_ptr<Database>> open(io::Environment env, const std::string& directory,
                                                  bool create_if_missing, DatabaseOptions options);
    static Result<std::unique_ptr<Database>> open_in_memory(io::Environment env, DatabaseOptions options);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // Forks (database_forks.cc). Errors: as the methods of Store.

    Result<Fork> create_fork(const ForkOptions& options);
    Result<Fork> extend_fork(std::string_view id_or_name, std::int64_t ttl_ns);
    Result<Fork> discard_fork(std::string_view id_or_name);
    Result<MergeResult> merge_fork(std::string_view id_or_name, const MergeOptions& options);
    /// Ends the forks whose time is over; `maintain` and the maintenance thread do. Nothing as long as nobody vouches
    /// for the clock: a store that is opened more than an hour behind its last record cannot tell a long rest from a
    /// clock that is wrong, and what ends does not come back. An append that is accepted vouches for it, and so does
    /// `confirm_clock`.
    Status expire_forks();
    [[nodiscard]] const Branches& branches() const { return branches_; }

    // Which branches there are, forgotten forks too (database_branches.cc).

    /// As Branches::resolve. Errors: also kIo, kCorrupt.
    Result<ResolvedBranch> resolve(std::string_view id_or_name, std::uint64_t seen_seq) const;
    /// As Branches::find. Errors: also kIo, kCorrupt.
    Result<Fork> find_fork(std::string_view id_or_name, std::uint64_t seen_seq) const;
    /// In the order they were made. Cost: with those that have ended, that of reading all facts about forks.
    Result<std::vector<Fork>> all_forks(bool with_ended, std::uint64_t seen_seq) const;

    // Giving back the space of forks that are gone (database_reclaim.cc).

    /// Gives back what can be, now, however little. `on_progress` is called now and then on the calling thread.
    ///
    /// Errors: kNoSpace, kIo, kClosed, kReadOnly; what was given back before stays so.
    Result<Reclaimed> reclaim(const std::function<void(std::uint64_t done, std::uint64_t total)>& on_progress);
    [[nodiscard]] const Reclaimer* reclaimer() const { return reclaimer_.get(); }

    /// Appends and waits. Errors: as Store::append.
    Result<AppendResult> append(BatchBuilder::Content content, const AppendOptions& options);
    /// Appends; `callback`, if given, gets the answer instead of the returned object.
    Result<std::shared_ptr<PendingAnswer>> submit(BatchBuilder::Content content, const AppendOptions& options,
                                                  std::function<void(Result<AppendResult>)> callback, bool is_async);
    void wait(PendingAnswer& pending) { queue_->wait(pending); }

    /// Commits what asynchronous appends left, prepares spares, seals: what the threads do, done now.
    Status maintain();
    /// Writes a marker if nothing was appended since the last one.
    void mark_idle();
    Status close();

    /// Work of a layer above that belongs behind appends: done after index files were written, and a last time by
    /// `close`. One call at a time; set once, before anything is appended.
    using BehindWork = std::function<void(bool is_closing)>;
    void set_behind_work(BehindWork work);

    void add_listener(PublishListener* listener);
    void remove_listener(PublishListener* listener);
    void confirm_clock();

    [[nodiscard]] const IndexSet& indexes() const { return *indexes_; }
    [[nodiscard]] const IndexKeeper& keeper() const { return *keeper_; }
    [[nodiscard]] const Scrubber& scrubber() const { return *scrubber_; }
    /// One step of the scrub, for whoever has no threads.
    std::uint64_t scrub() { return scrubber_->step(); }
    [[nodiscard]] const cache::ImageCache& cache() const { return cache_; }
    [[nodiscard]] cache::ImageCache& cache() { return cache_; }
    [[nodiscard]] io::FileSystem& files() const { return env_.files; }
    /// Of the database's files; empty in memory.
    [[nodiscard]] const std::string& folder() const { return folder_; }
    /// Appends that waited until memory was given back.
    [[nodiscard]] std::uint64_t memory_waits() const { return memory_waits_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t published_seq() const { return queue_->published_seq(); }
    [[nodiscard]] DurationCounts sync_durations() const { return queue_->sync_durations(); }
    [[nodiscard]] const wal::Log& log() const { return *log_; }
    [[nodiscard]] io::Clock& clock() const { return env_.clock; }
    [[nodiscard]] bool is_closed() const { return is_closed_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint64_t memory_budget() const { return options_.memory_budget; }
    [[nodiscard]] bool is_in_memory() const { return options_.in_memory; }

private:
    Database(io::Environment env, DatabaseOptions options);
    Status start();
    struct Fact {
        std::string entity;
        std::string_view type;
        std::string payload;
        std::string tag;  ///< Empty: none.
    };
    /// Facts on $system, as one batch, durable when it returns. `check` is asked in the writer step and may refuse.
    Status append_facts(const std::vector<Fact>& facts, const std::function<Status()>& check = {});
    Status load_branches();
    void restore_forks(const std::string& folder);
    void save_forks(std::uint64_t fact_count_min);
    Result<std::optional<Fork>> forgotten_fork(std::string_view id_or_name, std::uint64_t seen_seq) const;
    struct MergeSides {
        Fork fork;
        Layers fork_layers, parent_layers;
        std::shared_ptr<const void> fork_hold, parent_hold;
    };
    Result<MergeSides> sides_of(const Fork& fork, std::uint64_t seen_seq) const;
    Result<std::vector<PreparedBatch>> prepare_merge(const MergePlan& plan, const Layers& parent_layers);
    /// Merges in the writer step, if the fork and its parent are as they were planned for; nothing if they are not.
    Result<std::optional<MergeResult>> place_merge(MergePlan& plan, const MergeSides& sides,
                                                   const MergeOptions& options, std::vector<PreparedBatch> batches,
                                                   std::uint64_t planned_seq, std::shared_ptr<PendingAnswer>& pending);
    struct Submission {
        AppendOptions options;
        std::function<void(Result<AppendResult>)> callback;
        bool is_async = false;
        /// Asked in the writer step; what it refuses is answered like a condition that failed.
        std::function<Status()> check;
    };
    Result<std::shared_ptr<PendingAnswer>> submit_prepared(PreparedBatch batch, Submission submission);
    /// Which ids of the batch are known in the range.
    Result<KnownEvents> known_in(const PreparedBatch& batch, const KnownRange& range) const;
    /// Evaluates "no event matches" conditions for begin ≤ seq < end; adds those that fail.
    Status check_matches(const PreparedBatch& batch, std::uint64_t begin_seq, std::uint64_t end_seq, bool by_scan,
                         std::vector<FailedCondition>& failed) const;
    Result<std::int64_t> next_recorded_at();
    Status vouch_for_clock();
    void wake_maintenance();
    Result<AppendResult> place(PreparedBatch& batch);
    Result<AppendResult> place_at(std::int64_t recorded_at, PreparedBatch& batch);
    Result<std::vector<AppendResult>> place_group(std::span<PreparedBatch> batches);
    Error refuse_half_placed();
    Result<AppendResult> answer_known(const PreparedBatch& batch, const KnownEvents& known) const;
    Uuid fresh_batch_id();
    void on_published(std::uint64_t seq);
    Status close_once();
    Status recover(const std::string& folder);
    Status index_recovered(const wal::RecoveredBatch& batch, std::vector<std::uint64_t>& hashes);
    void tend_log();
    void prepare_ahead();
    void maintenance_loop();
    void wait_for_memory();
    Status keep_up();
    void tend_indexes();
    void work_behind(bool is_closing);
    void indexing_loop();
    void wake_indexing();
    void wake_appends();

    Status reclaim_behind();
    void answer_reclaim_request();
    void refuse_reclaim_request();
    Status pace_reclaiming(std::uint64_t bytes);
    Result<Reclaimed> reclaim_all(const std::function<void()>& on_progress);
    Status seal_tail_for_reclaiming();

    io::Environment env_;
    const DatabaseOptions options_;
    std::unique_ptr<io::FileLock> lock_;
    cache::ImageCache cache_;
    Branches branches_;
    std::unique_ptr<wal::Log> log_;
    std::unique_ptr<IndexSet> indexes_;
    std::unique_ptr<IndexKeeper> keeper_;
    std::unique_ptr<Reclaimer> reclaimer_;
    std::unique_ptr<Scrubber> scrubber_;
    Uuid database_;
    std::string folder_;

    std::mutex close_mutex_;
    Status close_status_;  // guarded by close_mutex_

    std::mutex writer_lock_;
    std::uint64_t next_seq_ = 0;                  // guarded by writer_lock_
    std::int64_t last_recorded_at_ = 0;           // guarded by writer_lock_
    std::int64_t clock_offset_ns_ = 0;            // guarded by writer_lock_: wall − monotonic when last looked at
    bool clock_is_confirmed_ = false;             // guarded by writer_lock_
    std::atomic<bool> clock_is_vouched_ = false;  // set under writer_lock_; see expire_forks
    bool closed_ = false;                         // guarded by writer_lock_
    std::uint64_t marked_seq_ = 0;                // guarded by writer_lock_
    std::vector<std::uint64_t> place_buffer_;     // guarded by writer_lock_

    std::atomic<bool> is_closed_ = false;
    std::unique_ptr<CommitQueue> queue_;

    std::mutex listeners_mutex_;
    std::vector<PublishListener*> listeners_;  // guarded by listeners_mutex_
    std::atomic<std::size_t> listener_count_ = 0;

    std::mutex batch_id_mutex_;
    std::array<std::byte, 4096> random_;  // guarded by batch_id_mutex_
    std::size_t random_used_ = sizeof(random_);

    std::mutex maintenance_mutex_;
    std::condition_variable maintenance_wake_;
    bool maintenance_stop_ = false;  // guarded by maintenance_mutex_
    std::atomic<bool> maintenance_is_idle_ = false;
    bool was_busy_ = false;  // the maintenance thread's
    std::thread maintenance_;

    std::mutex indexing_mutex_;
    std::condition_variable indexing_wake_;
    bool indexing_stop_ = false;            // guarded by indexing_mutex_
    bool indexing_has_work_ = false;        // guarded by indexing_mutex_
    BehindWork behind_work_;                // guarded by indexing_mutex_; called without it
    std::condition_variable memory_wake_;   // with indexing_mutex_
    std::atomic<bool> files_fail_ = false;  // then waiting for memory would not help
    std::int64_t seal_again_ns_ = 0;        // the indexing thread's
    /// A call that waits for the indexing thread to reclaim.
    struct ReclaimRequest {
        std::optional<Result<Reclaimed>> answer;
    };
    ReclaimRequest* reclaim_request_ = nullptr;  // guarded by indexing_mutex_
    std::condition_variable reclaim_wake_;       // with indexing_mutex_
    std::uint64_t fork_table_seq_ = 0;           // the indexing thread's: facts below are in the table on disk
    std::uint64_t reclaim_debt_bytes_ = 0;       // the indexing thread's: read and written without a pause
    std::atomic<std::uint64_t> memory_waits_ = 0;
    std::thread indexing_;
};

}  // namespace chronos::store
