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

}  // namespace

Database::Database(io::Environment env, DatabaseOptions options) : env_(env), options_(std::move(options)) {}

Result<std::unique_ptr<Database>> Database::open(io::Environment env, const std::string& directory,
                                                 bool create_if_missing, DatabaseOptions options) {
    ASSIGN_OR_RETURN(const bool exists, env.files.exists(directory));
    if (!exists && !create_if_missing)
        return base::fail(ErrorCode::kNotFound, "there is no store at " + directory + "; create it with `chronos init`");
    if (!exists) RETURN_IF_ERROR(make_directories(env.files, directory));
    if (exists && !create_if_missing) {
        ASSIGN_OR_RETURN(const std::string folder, find_database(env.files, directory));
        if (folder.empty())
            return base::fail(ErrorCode::kNotFound,
                              directory + " holds no store; create one with `chronos init`");
    }
    std::unique_ptr<Database> database(new Database(env, std::move(options)));
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
    auto manifest = wal::read_manifest(env.files, folder);
    if (!manifest.ok()) {
        Error error = std::move(manifest).error();
        if (error.code == ErrorCode::kNotFound)
            error = base::fail(ErrorCode::kCorrupt, folder + "/MANIFEST is missing; `chronos salvage` can do without it");
        return error;
    }
    database->indexes_ = std::make_unique<IndexSet>(manifest->secret);
    std::vector<std::uint64_t> hashes;
    const auto index_batch = [&](const wal::RecoveredBatch& batch) -> Status {
        const event::BodyView body(batch.body);
        const event::BodyHeader header = body.header();
        if (header.branch > event::kSystemBranch)
            return base::fail(ErrorCode::kUnsupported, "the store has forks; this version of chronos cannot read them");
        if (header.first_position != database->indexes_->next_position(header.branch))
            return base::fail(ErrorCode::kCorrupt, "positions of the log have a gap at " +
                                                       std::to_string(header.first_position));
        database->indexes_->hash_entities(body, hashes);
        database->indexes_->apply(batch.slot, batch.body_offset, batch.body, batch.first_seq, hashes, nullptr);
        database->next_seq_ = batch.first_seq + header.event_count;
        database->last_recorded_at_ = header.recorded_at;
        return {};
    };
    ASSIGN_OR_RETURN(database->log_, wal::Log::open(env, folder, database->options_.log, index_batch,
                                                    database->options_.on_progress));
    RETURN_IF_ERROR(database->start());
    if (database->next_seq_ == 0) RETURN_IF_ERROR(database->append_system_event("$store.created", "{}"));
    return database;
}

Result<std::unique_ptr<Database>> Database::open_in_memory(io::Environment env, DatabaseOptions options) {
    options.in_memory = true;
    std::unique_ptr<Database> database(new Database(env, std::move(options)));
    database->log_ = wal::Log::open_in_memory(env, new_uuid(env));
    database->indexes_ = std::make_unique<IndexSet>(database->log_->secret());
    RETURN_IF_ERROR(database->start());
    RETURN_IF_ERROR(database->append_system_event("$store.created", "{}"));
    return database;
}

Status Database::start() {
    database_ = log_->database();
    indexes_->attach(*log_);
    marked_seq_ = next_seq_;
    clock_is_confirmed_ = options_.accept_clock;
    clock_offset_ns_ = env_.clock.wall_ns() - env_.clock.monotonic_ns();
    queue_ = std::make_unique<CommitQueue>(
        *log_, writer_lock_, env_.clock,
        CommitQueue::Options{.in_memory = options_.in_memory, .with_thread = options_.with_threads}, next_seq_,
        [this](std::uint64_t seq) { on_published(seq); });
    if (options_.with_threads) maintenance_ = std::thread([this] { maintenance_loop(); });
    return {};
}

Status Database::append_system_event(std::string_view type, std::string payload) {
    BatchBuilder builder;
    builder.add({.entity_id = "$store", .event_type = type, .payload = payload});
    ASSIGN_OR_RETURN(PreparedBatch batch, prepare(std::move(builder.content()), {},
                                                  {.database = database_,
                                                   .branch = event::kSystemBranch,
                                                   .fresh_batch_id = fresh_batch_id()},
                                                  *indexes_));
    ASSIGN_OR_RETURN(const auto pending, submit_prepared(std::move(batch), {}, {}, false));
    queue_->wait(*pending);
    auto answer = pending->take();
    if (answer.ok()) return {};
    Error error = std::move(answer).error();
    // Opening again settles it: the caller has nothing to ask for.
    if (error.code == ErrorCode::kIndeterminate) error.code = ErrorCode::kIo;
    return error;
}

void Database::on_published(std::uint64_t seq) {
    if (listener_count_.load() > 0) {
        const std::lock_guard lock(listeners_mutex_);
        for (PublishListener* listener : listeners_) listener->on_published(seq);
    }
    if (maintenance_is_idle_.exchange(false)) {
        const std::lock_guard lock(maintenance_mutex_);
        maintenance_wake_.notify_one();
    }
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
    const std::lock_guard lock(writer_lock_);
    clock_is_confirmed_ = true;
    clock_offset_ns_ = env_.clock.wall_ns() - env_.clock.monotonic_ns();
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
    RETURN_IF_ERROR(log_->prepare_spares());
    return log_->seal_finished();
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

/// Without disk space this fails; the next append that needs a segment reports it.
void Database::tend_log() {
    if (log_->wants_spares() || options_.log.spare_bytes > 0) {
        if (!was_busy_ && options_.on_busy) options_.on_busy();
        was_busy_ = true;
        (void)log_->prepare_spares();
    }
    (void)log_->seal_finished();
    queue_->sync_if_due();
}

void Database::maintenance_loop() {
    std::uint64_t last_seen = published_seq();
    while (true) {
        if (!queue_->is_poisoned()) tend_log();
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
        lock.lock();
        // Either this sees what was committed meanwhile, or the committer sees that this is idle.
        maintenance_is_idle_.store(true);
        if (published_seq() != last_seen || log_->has_unsynced_hint()) maintenance_is_idle_.store(false);
        maintenance_wake_.wait(lock, [&] {
            return maintenance_stop_ || !maintenance_is_idle_.load(std::memory_order_acquire);
        });
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
    lock_.reset();
    is_closed_.store(true, std::memory_order_release);
    on_published(published_seq());  // Followers wait no longer.
    return status;
}

Database::~Database() {
    if (queue_ != nullptr) (void)close();
}

}  // namespace chronos::store
