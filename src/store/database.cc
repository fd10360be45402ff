// Database: opening, closing and what happens behind appends.
#include "store/database.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "event/ids.h"
#include "store/database_folder.h"

namespace chronos::store {
namespace {

constexpr std::int64_t kIdleMarkerDelayMs = 50;
constexpr std::int64_t kMemoryWaitMs = 100;
/// How often an idle store looks whether forks are due: the wall clock may be set meanwhile.
constexpr std::int64_t kExpiryCheckMinNs = 10'000'000;
constexpr std::int64_t kExpiryAgainNs = 1'000'000'000;
constexpr std::int64_t kExpiryCheckMaxNs = 60'000'000'000;
/// A segment that could not be sealed is not tried again before.
constexpr std::int64_t kSealAgainNs = 10'000'000'000;
/// The scrub begins so long after opening, goes on so long after other work, and begins again so long after a pass.
constexpr std::int64_t kScrubDelayMs = 60'000;
constexpr std::int64_t kScrubRestMs = 1'000;
constexpr std::int64_t kScrubPassMs = 24LL * 3'600'000;

/// Reclaiming waits for more to end, and goes on so long after other work, or after an error.
constexpr std::int64_t kReclaimDelayMs = 2'000;
constexpr std::int64_t kReclaimRestMs = 200;
constexpr std::int64_t kReclaimAgainMs = 30'000;
/// How often an idle thread looks whether there is something to do that nobody woke it for.
constexpr std::int64_t kLookAgainMs = 60'000;

/// So few facts about forks are read again by the next open.
constexpr std::uint64_t kClosingFactsMin = 100;

/// Smaller segments would make too many files of a large log.
constexpr std::uint64_t kFittedSegmentMin = std::uint64_t{16} << 20;

bool is_damage(const Error& error) { return error.code == ErrorCode::kCorrupt; }

/// The segment being filled and the one being sealed are in memory whole, so that several have to fit.
DatabaseOptions fit_to_budget(DatabaseOptions options) {
    std::uint64_t& size_max = options.log.segment_size_max;
    while (size_max / 4 >= std::max(options.log.segment_size_min, kFittedSegmentMin) &&
           size_max > options.memory_budget / 8)
        size_max /= 4;
    options.log.touch_ahead_max = std::min(options.log.touch_ahead_max, options.memory_budget / 16);
    return options;
}

}  // namespace

Database::Database(io::Environment env, DatabaseOptions options)
    : env_(env), options_(fit_to_budget(std::move(options))), cache_(options_.memory_budget) {
    cache_.open_files().set_count_max(options_.open_files_max);
}

Result<std::unique_ptr<Database>> Database::open(io::Environment env, const std::string& directory,
                                                 bool create_if_missing, DatabaseOptions options) {
    ASSIGN_OR_RETURN(const bool exists, env.files.exists(directory));
    if (!exists && !create_if_missing)
        return base::fail(ErrorCode::kNotFound,
                          "there is no store at " + directory + "; create it with `chronos init`");
    if (!exists) RETURN_IF_ERROR(make_directories(env.files, directory));
    if (exists && !create_if_missing) {
        ASSIGN_OR_RETURN(const std::string folder, find_database(env.files, directory));
        if (folder.empty())
            return base::fail(ErrorCode::kNotFound, directory + " holds no store; create one with `chronos init`");
    }
    std::unique_ptr<Database> database(new Database(env, std::move(options)));
    ASSIGN_OR_RETURN(const bool is_backup, env.files.exists(directory + "/BACKUP"));
    if (is_backup)
        return base::fail(ErrorCode::kInvalidArgument,
                          directory + " is a backup, which stays as it is; make a store of it with `chronos restore`");
    ASSIGN_OR_RETURN(database->lock_, env.files.lock(directory + "/LOCK"));
    ASSIGN_OR_RETURN(std::string folder, find_database(env.files, directory));
    const bool is_new = folder.empty();
    // A process that was killed while it created the store may have left names that are not durable.
    RETURN_IF_ERROR(env.files.sync_directory(parent_of(directory)));
    RETURN_IF_ERROR(env.files.sync_directory(directory));
    if (is_new) {
        RETURN_IF_ERROR(remove_unfinished(env.files, directory));
        const Uuid uuid = new_uuid(env);
        folder = directory + "/" + uuid.to_string();
        RETURN_IF_ERROR(wal::Log::create(env, folder, uuid, database->options_.log));
    }
    RETURN_IF_ERROR(database->recover(folder));
    RETURN_IF_ERROR(database->start());
    if (database->next_seq_ == 0) RETURN_IF_ERROR(database->append_facts({{"$store", "$store.created", "{}", ""}}));
    (void)database->expire_forks();  // Without room for it they live on; reading goes on.
    return database;
}

Status Database::recover(const std::string& folder) {
    folder_ = folder;
    auto manifest = wal::read_manifest(env_.files, folder);
    if (!manifest.ok()) {
        Error error = std::move(manifest).error();
        if (error.code == ErrorCode::kNotFound)
            error =
                base::fail(ErrorCode::kCorrupt, folder + "/MANIFEST is missing; `chronos salvage` can do without it");
        return error;
    }
    keeper_ = std::make_unique<IndexKeeper>(env_, cache_,
                                            KeeperOptions{.directory = folder + "/index",
                                                          .memory_budget = options_.memory_budget,
                                                          .merge_count = options_.merge_count,
                                                          .small_events = options_.merge_small_events});
    ASSIGN_OR_RETURN(indexes_, keeper_->load(*manifest));
    next_seq_ = indexes_->parts()->files_end();
    last_recorded_at_ = keeper_->last_recorded_at();
    database_ = manifest->database;
    restore_forks(folder);
    std::vector<std::uint64_t> hashes;
    ASSIGN_OR_RETURN(
        log_,
        wal::Log::open(
            env_, folder, options_.log, cache_,
            {.known = keeper_->known_segments(),
             .known_end_positions = keeper_->known_end_positions(),
             .on_batch = [&](const wal::RecoveredBatch& batch) { return index_recovered(batch, hashes); },
             .on_sealed = [&](wal::Log& log, wal::Slot slot,
                              const wal::SealedSegment& segment) { return keeper_->on_recovered(log, slot, segment); },
             .on_progress = options_.on_progress}));
    return {};
}

Status Database::index_recovered(const wal::RecoveredBatch& batch, std::vector<std::uint64_t>& hashes) {
    const auto check_place = [&](event::BranchNumber branch, std::uint64_t first_position) -> Status {
        if (branch > event::kBranchMax) return base::fail(ErrorCode::kCorrupt, "a batch of a branch that cannot be");
        const index::BranchRuns* runs = indexes_->runs(branch);
        // Where a fork begins is compared when all facts are known.
        const bool begins = runs == nullptr && (branch > event::kSystemBranch || first_position == 0);
        if (begins || (runs != nullptr && first_position == runs->next_position())) return {};
        return base::fail(ErrorCode::kCorrupt, "positions of the log have a gap at " + std::to_string(first_position));
    };
    if (batch.stub != nullptr) {
        const auto stub = base::load<wal::RemovedRecord>(batch.stub);
        RETURN_IF_ERROR(check_place(stub.branch, stub.first_position));
        indexes_->apply_removed(batch.slot, batch.body_offset, batch.stub);
        next_seq_ = stub.end_seq();
        last_recorded_at_ = stub.recorded_at;
        return {};
    }
    const event::BodyView body(batch.body);
    const event::BodyHeader header = body.header();
    RETURN_IF_ERROR(check_place(header.branch, header.first_position));
    indexes_->hash_entities(body, hashes);
    indexes_->apply(batch.slot, batch.body_offset, batch.body, batch.first_seq, hashes, nullptr);
    next_seq_ = batch.first_seq + header.event_count;
    last_recorded_at_ = header.recorded_at;
    return {};
}

Result<std::unique_ptr<Database>> Database::open_in_memory(io::Environment env, DatabaseOptions options) {
    options.in_memory = true;
    std::unique_ptr<Database> database(new Database(env, std::move(options)));
    database->log_ = wal::Log::open_in_memory(env, new_uuid(env), database->cache_);
    database->indexes_ = std::make_unique<IndexSet>(database->log_->secret());
    database->keeper_ = std::make_unique<IndexKeeper>(env, database->cache_, KeeperOptions());
    RETURN_IF_ERROR(database->start());
    RETURN_IF_ERROR(database->append_facts({{"$store", "$store.created", "{}", ""}}));
    return database;
}

Status Database::start() {
    database_ = log_->database();
    indexes_->attach(*log_, [this] { wake_indexing(); });
    RETURN_IF_ERROR(load_branches());
    if (!options_.in_memory) reclaimer_ = std::make_unique<Reclaimer>(*log_, *indexes_, *keeper_, branches_);
    scrubber_ = std::make_unique<Scrubber>(*log_, *indexes_);
    marked_seq_ = next_seq_;
    clock_is_confirmed_ = options_.accept_clock;
    clock_is_vouched_ =
        options_.accept_clock || last_recorded_at_ == 0 || env_.clock.wall_ns() - last_recorded_at_ <= kClockSuspectNs;
    clock_offset_ns_ = env_.clock.wall_ns() - env_.clock.monotonic_ns();
    queue_ = std::make_unique<CommitQueue>(
        *log_, writer_lock_, env_.clock,
        CommitQueue::Options{.in_memory = options_.in_memory, .with_thread = options_.with_threads}, next_seq_,
        [this](std::uint64_t seq) { on_published(seq); });
    if (!options_.with_threads) return {};
    maintenance_ = std::thread([this] { maintenance_loop(); });
    if (!options_.in_memory) {
        wake_indexing();  // What was read back may want files.
        indexing_ = std::thread([this] {
            indexing_loop();
            refuse_reclaim_request();
        });
    }
    return {};
}

Status Database::append_facts(const std::vector<Fact>& facts, const std::function<Status()>& check) {
    BatchBuilder builder;
    for (const Fact& fact : facts) {
        const std::string_view tag = fact.tag;
        builder.add({.entity_id = fact.entity,
                     .event_type = fact.type,
                     .payload = fact.payload,
                     .tags = std::span(&tag, tag.empty() ? 0 : 1)});
    }
    const Layers system(Layer{.branch = event::kSystemBranch, .end_seq = kWritersView});
    ASSIGN_OR_RETURN(PreparedBatch batch,
                     prepare(std::move(builder.content()), {},
                             {.database = database_, .layers = system, .fresh_batch_id = fresh_batch_id()}, *indexes_));
    ASSIGN_OR_RETURN(const auto pending, submit_prepared(std::move(batch), {.check = check}));
    queue_->wait(*pending);
    auto answer = pending->take();
    if (answer.ok()) return {};
    Error error = std::move(answer).error();
    // Opening again settles it: the caller has nothing to ask for.
    if (error.code == ErrorCode::kIndeterminate) error.code = ErrorCode::kIo;
    // The ids of facts are nobody's.
    error.append_failure.reset();
    return error;
}

void Database::on_published(std::uint64_t seq) {
    if (listener_count_.load() > 0) {
        const std::lock_guard lock(listeners_mutex_);
        for (PublishListener* listener : listeners_) listener->on_published(seq);
    }
    wake_maintenance();
}

void Database::wake_maintenance() {
    if (!maintenance_is_idle_.exchange(false)) return;
    const std::lock_guard lock(maintenance_mutex_);
    maintenance_wake_.notify_one();
}

void Database::add_listener(PublishListener* listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(listener);
    listener_count_.store(listeners_.size());
}

void Database::remove_listener(PublishListener* listener) {
    const std::lock_guard lock(listeners_mutex_);
    std::erase(listeners_, listener);
    listener_count_.store(listeners_.size(), std::memory_order_release);
}

void Database::confirm_clock() {
    {
        const std::lock_guard lock(writer_lock_);
        clock_is_confirmed_ = true;
        clock_is_vouched_ = true;
        clock_offset_ns_ = env_.clock.wall_ns() - env_.clock.monotonic_ns();
    }
    wake_maintenance();  // Forks may be due.
}

Uuid Database::fresh_batch_id() {
    std::array<std::byte, 10> random;
    {
        const std::lock_guard lock(batch_id_mutex_);
        if (random_used_ + random.size() > random_.size()) {
            env_.random.fill(random_);
            random_used_ = 0;
        }
        std::copy_n(random_.begin() + static_cast<std::ptrdiff_t>(random_used_), random.size(), random.begin());
        random_used_ += random.size();
    }
    return event::batch_id_of(event::uuid_v7(env_.clock.wall_ns(), random));
}

Status Database::maintain() {
    queue_->run_pending();
    queue_->sync_if_due();
    if (queue_->is_poisoned()) return {};
    (void)expire_forks();  // Tried again the next time.
    prepare_ahead();
    RETURN_IF_ERROR(log_->prepare_spares());
    RETURN_IF_ERROR(log_->seal_finished());
    if (options_.in_memory) return {};
    RETURN_IF_ERROR(keeper_->write_files(*log_));
    work_behind(false);
    const auto yield = [] { return Status(); };
    // Damage that cannot be mended is no reason to stop, nor is damage that is met only now.
    if (const auto repaired = keeper_->repair_once(*log_, yield); !repaired.ok() && !is_damage(repaired.error()))
        return repaired.error();
    if (const auto merged = keeper_->merge_once(yield); !merged.ok() && !is_damage(merged.error()))
        return merged.error();
    const auto reclaimed =
        reclaimer_->step(published_seq(), options_.reclaim_limits, [](std::uint64_t) { return Status(); });
    if (!reclaimed.ok() && !is_damage(reclaimed.error())) return reclaimed.error();
    save_forks(options_.fork_table_facts);
    keeper_->balance(*log_);
    return {};
}

/// While nothing is appended, says in the log that everything before was durable: damage to the last
/// commit can then be told from a torn write.
void Database::mark_idle() {
    if (options_.in_memory || queue_->is_poisoned()) return;
    {
        const std::lock_guard lock(writer_lock_);
        if (closed_ || marked_seq_ == next_seq_ || log_->has_pending()) return;
        if (!log_->append_marker(next_seq_, false).ok()) return;
        marked_seq_ = next_seq_;
        queue_->note_appended();
    }
    queue_->kick();
}

/// Nothing here takes long: appends at level `os` wait for these syncs.
void Database::tend_log() {
    prepare_ahead();
    const bool wants_spares = log_->wants_spares() || options_.log.spare_bytes > 0;
    if (wants_spares || log_->has_finished()) wake_indexing();
    if (wants_spares && !was_busy_) {
        was_busy_ = true;
        if (options_.on_busy) options_.on_busy();
    }
    queue_->sync_if_due();
}

/// A disk that does not take zeros may have lost other writes of the same file: nothing may follow.
void Database::prepare_ahead() {
    if (Status zeroed = log_->prepare_ahead(); !zeroed.ok()) queue_->refuse_from_now(std::move(zeroed).error());
}

/// Those that wait for memory.
void Database::wake_appends() {
    const std::lock_guard lock(indexing_mutex_);
    memory_wake_.notify_all();
}

void Database::wake_indexing() {
    const std::lock_guard lock(indexing_mutex_);
    indexing_has_work_ = true;
    indexing_wake_.notify_one();
}

/// Spares, seals, files, then memory; merging goes on in between.
/// Without disk space this fails; the next append that needs a segment reports it.
void Database::tend_indexes() {
    // In a burst the appends need the processors, and what is finished can wait as long as an eighth of the budget
    // holds it: tend_log wakes this again.
    if (log_->is_in_burst() && !keeper_->look_again(*log_) &&
        log_->fixed_bytes().waiting <= options_.memory_budget / 8) {
        if (!queue_->is_poisoned()) (void)log_->prepare_spares();
        return;
    }
    while (keep_up().ok()) {
        const bool had_damaged = keeper_->has_damaged();
        const auto repaired = keeper_->repair_once(*log_, [this] { return keep_up(); });
        if (repaired.ok() && *repaired) continue;
        // While appends wait for memory there is no time for it; what is left out is made up for later.
        if (!keeper_->is_short()) work_behind(false);
        const auto merged = keeper_->merge_once([this] { return keep_up(); });
        // A merge may have met damage; what could not be mended just now is left for later.
        const bool goes_on = merged.ok() ? *merged : repaired.ok() && !had_damaged && keeper_->has_damaged();
        if (!goes_on) return;
    }
}

/// What cannot wait until long work is done. Errors: kClosed.
Status Database::keep_up() {
    // One segment after the other: appends may wait for the memory of each.
    const auto seal_and_write = [&]() -> Status {
        Status sealed;
        if (!queue_->is_poisoned()) {
            (void)log_->prepare_spares();
            if (env_.clock.monotonic_ns() >= seal_again_ns_) {
                sealed = log_->seal_finished(1);
                if (!sealed.ok()) seal_again_ns_ = env_.clock.monotonic_ns() + kSealAgainNs;
            }
        }
        const Status written = keeper_->write_files(*log_, [&] { wake_appends(); });
        keeper_->balance(*log_);
        return sealed.ok() ? written : sealed;
    };
    while (true) {
        const bool is_done = seal_and_write().ok();
        save_forks(options_.fork_table_facts);
        {
            const std::lock_guard lock(indexing_mutex_);
            files_fail_.store(!is_done);
            if (indexing_stop_) return base::fail(ErrorCode::kClosed, "the store is being closed");
        }
        wake_appends();
        const bool may_seal = !queue_->is_poisoned() && env_.clock.monotonic_ns() >= seal_again_ns_;
        if (!is_done || !may_seal || !log_->has_finished()) return {};
    }
}

void Database::set_behind_work(BehindWork work) {
    const std::lock_guard lock(indexing_mutex_);
    behind_work_ = std::move(work);
}

void Database::work_behind(bool is_closing) {
    BehindWork work;
    {
        const std::lock_guard lock(indexing_mutex_);
        work = behind_work_;
    }
    if (work) work(is_closing);
}

void Database::indexing_loop() {
    const auto now_ms = [&] { return env_.clock.monotonic_ns() / 1'000'000; };
    const bool scrubs = options_.scrub_bytes_per_second > 0;
    std::int64_t scrub_at_ms = now_ms() + kScrubDelayMs;
    std::int64_t reclaim_at_ms = now_ms() + kReclaimDelayMs;
    while (true) {
        bool has_work = false;
        bool is_asked_to_reclaim = false;
        const bool reclaims = options_.reclaim_bytes_per_second > 0 && !queue_->is_poisoned() &&
                              (reclaimer_->has_work() || reclaimer_->waits_for_readers());
        {
            std::unique_lock lock(indexing_mutex_);
            const auto is_woken = [&] { return indexing_stop_ || indexing_has_work_ || reclaim_request_ != nullptr; };
            std::int64_t at_ms = now_ms() + kLookAgainMs;
            if (scrubs) at_ms = std::min(at_ms, scrub_at_ms);
            if (reclaims) at_ms = std::min(at_ms, reclaim_at_ms);
            const std::int64_t pause_ms = std::max<std::int64_t>(0, at_ms - now_ms());
            has_work = indexing_wake_.wait_for(lock, std::chrono::milliseconds(pause_ms), is_woken);
            if (indexing_stop_) return;
            is_asked_to_reclaim = reclaim_request_ != nullptr;
            has_work = std::exchange(indexing_has_work_, false);
        }
        if (is_asked_to_reclaim) {
            answer_reclaim_request();
            tend_indexes();  // What came meanwhile was only kept up with.
        } else if (has_work) {
            tend_indexes();
            scrub_at_ms = std::max(scrub_at_ms, now_ms() + kScrubRestMs);
            reclaim_at_ms = std::max(reclaim_at_ms, now_ms() + kReclaimRestMs);
        } else if (reclaims && now_ms() >= reclaim_at_ms) {
            const bool is_done = reclaim_behind().ok();
            tend_indexes();
            reclaim_at_ms = now_ms() + (is_done ? kReclaimDelayMs : kReclaimAgainMs);
        } else if (scrubs && now_ms() >= scrub_at_ms) {
            const std::uint64_t bytes = scrubber_->step();
            if (keeper_->has_damaged()) tend_indexes();
            const auto pause_ms = static_cast<std::int64_t>(bytes * 1'000 / options_.scrub_bytes_per_second);
            scrub_at_ms = now_ms() + (bytes == 0 ? kScrubPassMs : std::max<std::int64_t>(1, pause_ms));
        }
    }
}

/// Appending goes on at the pace at which memory is given back.
void Database::wait_for_memory() {
    if (options_.in_memory || !options_.with_threads || !keeper_->look_again(*log_)) return;
    const auto is_enough = [&] { return !keeper_->is_short() || files_fail_.load(std::memory_order_relaxed); };
    if (is_enough() || CommitQueue::is_answering_here()) return;
    memory_waits_.fetch_add(1, std::memory_order_relaxed);
    wake_indexing();
    std::unique_lock lock(indexing_mutex_);
    memory_wake_.wait_for(lock, std::chrono::milliseconds(kMemoryWaitMs),
                          [&] { return indexing_stop_ || is_enough(); });
}

void Database::maintenance_loop() {
    std::uint64_t last_seen = published_seq();
    while (true) {
        bool forks_expire = true;
        if (!queue_->is_poisoned()) {
            forks_expire = expire_forks().ok();
            tend_log();
        }
        const std::uint64_t seen = published_seq();
        indexes_->catch_up(seen);
        const bool is_quiet = seen == last_seen && !log_->has_unsynced_hint();
        last_seen = seen;
        std::unique_lock lock(maintenance_mutex_);
        if (maintenance_stop_) return;
        if (!is_quiet) {
            maintenance_wake_.wait_for(lock, std::chrono::milliseconds(kIdleMarkerDelayMs));
            continue;
        }
        lock.unlock();
        mark_idle();
        const bool is_vouched = clock_is_vouched_.load();
        lock.lock();
        // Either this sees what was committed meanwhile, or the committer sees that this is idle.
        maintenance_is_idle_.store(true);
        if (published_seq() != last_seen || log_->has_unsynced_hint() || clock_is_vouched_.load() != is_vouched)
            maintenance_is_idle_.store(false);
        const auto is_woken = [&] {
            return maintenance_stop_ || !maintenance_is_idle_.load(std::memory_order_acquire);
        };
        // Who vouches for the clock wakes this.
        if (const auto due = is_vouched ? branches_.next_due() : std::nullopt) {
            const std::int64_t left_ns =
                std::max(due->ns - env_.clock.wall_ns(), forks_expire ? kExpiryCheckMinNs : kExpiryAgainNs);
            maintenance_wake_.wait_for(lock, std::chrono::nanoseconds(std::min(left_ns, kExpiryCheckMaxNs)), is_woken);
        } else {
            maintenance_wake_.wait(lock, is_woken);
        }
    }
}

Status Database::close() {
    const std::lock_guard closing(close_mutex_);
    if (is_closed()) return close_status_;
    close_status_ = close_once();
    return close_status_;
}

Status Database::close_once() {
    {
        const std::lock_guard lock(maintenance_mutex_);
        maintenance_stop_ = true;
        maintenance_wake_.notify_all();
    }
    if (maintenance_.joinable()) maintenance_.join();
    {
        const std::lock_guard lock(indexing_mutex_);
        indexing_stop_ = true;
        indexing_wake_.notify_all();
        memory_wake_.notify_all();
        reclaim_wake_.notify_all();
    }
    if (indexing_.joinable()) indexing_.join();
    {
        const std::lock_guard lock(writer_lock_);
        closed_ = true;
    }
    queue_->drain();
    Status status;
    if (!options_.in_memory && !queue_->is_poisoned() && log_->has_written()) {
        {
            const std::lock_guard lock(writer_lock_);
            status = log_->append_marker(next_seq_, true);
            queue_->note_appended();
        }
        if (status.ok()) queue_->drain();
    }
    if (queue_->is_poisoned()) status = queue_->poison_error();
    queue_->stop();
    if (status.ok() && !options_.in_memory) status = log_->seal_finished();
    if (status.ok() && !options_.in_memory) {  // Only makes the next start faster.
        (void)keeper_->write_files(*log_);
        save_forks(std::min(kClosingFactsMin, options_.fork_table_facts));
        work_behind(true);
    }
    if (reclaimer_ != nullptr) reclaimer_->remove_retired();
    lock_.reset();
    is_closed_.store(true, std::memory_order_release);
    on_published(published_seq());  // Followers wait no longer.
    return status;
}

Database::~Database() {
    if (queue_ != nullptr) (void)close();
}

}  // namespace chronos::store
