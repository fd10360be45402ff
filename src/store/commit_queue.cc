#include "store/commit_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"

namespace chronos::store {
namespace {

/// This thread is calling a completion; it has the commit role and must not wait for room.
thread_local bool is_answering = false;

/// Bytes acknowledged at level `os` are synced at the latest after this long.
constexpr std::int64_t kOsSyncDelayNs = 100'000'000;

Error indeterminate(const Error& cause, const Result<AppendResult>& answer) {
    Error error = base::fail(ErrorCode::kIndeterminate,
                             "the log could not be written (" + cause.message +
                                 "); the append may or may not be there after a restart: ask by event id, or retry "
                                 "with the same ids");
    error.outcome = Outcome::kUnknown;
    auto failure = std::make_shared<AppendFailure>();
    if (answer.ok()) {
        for (const AppendedEvent& event : answer->events) failure->event_ids.push_back(event.id);
    } else if (answer.error().append_failure) {
        failure->event_ids = answer.error().append_failure->event_ids;
    }
    error.append_failure = std::move(failure);
    return error;
}

}  // namespace

CommitQueue::CommitQueue(wal::Log& log, std::mutex& writer_lock, io::Clock& clock, Options options,
                         std::uint64_t durable_seq, std::function<void(std::uint64_t)> on_published)
    : log_(log),
      writer_lock_(writer_lock),
      clock_(clock),
      options_(options),
      on_published_(std::move(on_published)),
      published_seq_(durable_seq),
      written_seq_(durable_seq),
      unsynced_since_ns_(0) {
    if (options_.with_thread) committer_ = std::thread([this] { committer_loop(); });
}

CommitQueue::~CommitQueue() { stop(); }

void CommitQueue::enqueue(std::shared_ptr<PendingAnswer> pending) {
    const std::lock_guard lock(queue_mutex_);
    waiting_.push_back(std::move(pending));
}

bool CommitQueue::try_take_role() {
    const std::lock_guard lock(queue_mutex_);
    if (role_is_taken_) return false;
    role_is_taken_ = true;
    return true;
}

void CommitQueue::wait(PendingAnswer& pending) {
    while (!pending.is_done()) {
        {
            std::unique_lock lock(queue_mutex_);
            if (pending.is_done()) return;
            if (role_is_taken_) {
                pending.is_blocking_ = true;
                lock.unlock();
                pending.state_.wait(PendingAnswer::kWaiting, std::memory_order_acquire);
                if (pending.is_done()) return;
                pending.state_.store(PendingAnswer::kWaiting, std::memory_order_relaxed);  // the role was handed over
            } else {
                role_is_taken_ = true;
            }
        }
        run_round();
        release_role(false);
    }
}

void CommitQueue::kick() {
    if (options_.in_memory || !options_.with_thread) {
        run_pending();
        return;
    }
    {
        const std::lock_guard lock(queue_mutex_);
        if (role_is_taken_) return;  // Its holder looks again before it gives the role up.
        role_is_taken_ = role_is_for_thread_ = true;
    }
    committer_wake_.notify_one();
}

bool CommitQueue::is_answering_here() { return is_answering; }

void CommitQueue::wait_for_room(std::uint64_t bytes) {
    if (is_answering || pending_bytes_.load(std::memory_order_relaxed) < bytes) return;
    if (!options_.with_thread) {
        run_pending();
        return;
    }
    std::unique_lock lock(queue_mutex_);
    room_.wait(lock,
               [&] { return stopping_ || is_poisoned() || pending_bytes_.load(std::memory_order_relaxed) < bytes; });
}

void CommitQueue::take_role() {
    std::unique_lock lock(queue_mutex_);
    role_free_.wait(lock, [&] { return !role_is_taken_; });
    role_is_taken_ = true;
}

void CommitQueue::drain() {
    bool has_more = true;
    while (has_more) {
        take_role();
        run_round();
        if (!is_poisoned() && log_.has_unsynced()) {
            sync_written();
            run_round();
        }
        {
            const std::lock_guard lock(queue_mutex_);
            has_more = !waiting_.empty() || (!is_poisoned() && pending_bytes_.load(std::memory_order_relaxed) > 0);
        }
        release_role(false);
    }
}

void CommitQueue::run_pending() {
    while (true) {
        if (!try_take_role()) return;
        run_round();
        release_role(false);
        const std::lock_guard lock(queue_mutex_);
        if (waiting_.empty() && pending_bytes_.load(std::memory_order_relaxed) == 0) return;
        if (is_poisoned() && waiting_.empty()) return;
    }
}

void CommitQueue::refuse_from_now(Error error) { poison(std::move(error)); }

/// All that was written is durable: readers may see it. Requires: the role.
void CommitQueue::publish() {
    // Sequentially consistent, with the loads of those who go to sleep: either they see it, or they are seen.
    published_seq_.store(written_seq_);
    on_published_(written_seq_);
}

/// Requires: the role.
void CommitQueue::sync_written() {
    const std::int64_t began_ns = clock_.monotonic_ns();
    Status synced = log_.sync_written();
    sync_durations_.record(clock_.monotonic_ns() - began_ns);
    if (!synced.ok()) {
        poison(std::move(synced).error());
        return;
    }
    publish();
}

void CommitQueue::advance() {
    if (!try_take_role()) {
        std::unique_lock lock(queue_mutex_);
        room_.wait_for(lock, std::chrono::milliseconds(10));  // Each commit notifies.
        return;
    }
    run_round();
    if (!is_poisoned() && log_.has_unsynced()) sync_written();
    release_role(false);
}

void CommitQueue::sync_if_due() {
    if (!try_take_role()) return;
    if (!is_poisoned() && log_.has_unsynced() && clock_.monotonic_ns() - unsynced_since_ns_ >= kOsSyncDelayNs) {
        sync_written();
        run_round();  // answers those that waited for the sync
    }
    release_role(false);
}

bool CommitQueue::wants_sync(const wal::Piece& piece) {
    if (options_.in_memory) return true;
    if (log_.has_unsynced() && clock_.monotonic_ns() - unsynced_since_ns_ >= kOsSyncDelayNs) return true;
    const std::lock_guard lock(queue_mutex_);
    bool any = false;
    for (const auto& pending : waiting_) {
        if (pending->needs_seq_ > piece.whole_seq) break;
        if (pending->wanted_ != Durability::kOs) return true;
        any = true;
    }
    if (piece.ends_inside_group()) return false;  // Its last piece says.
    return !any;                                  // Markers wait for nobody and are durable.
}

/// Whether somebody waits for events that were written and not synced.
bool CommitQueue::has_durable_waiter() {
    const std::lock_guard lock(queue_mutex_);
    return std::any_of(waiting_.begin(), waiting_.end(), [&](const auto& pending) {
        return pending->wanted_ != Durability::kOs && pending->needs_seq_ <= written_seq_;
    });
}

/// One commit. Requires: the role.
void CommitQueue::run_round() {
    wal::Piece piece;
    if (!is_poisoned()) {
        const std::lock_guard lock(writer_lock_);
        piece = log_.cut();
        note_appended();
    }
    bool synced = true;
    if (!piece.empty()) {
        const bool had_unsynced = log_.has_unsynced();
        synced = wants_sync(piece);
        if (base::is_planted(base::Bug::kPublishBeforeWrite)) {
            written_seq_ = piece.whole_seq;
            publish();
        }
        const std::int64_t began_ns = clock_.monotonic_ns();
        Status written = log_.write(piece, synced);
        if (synced && !options_.in_memory) sync_durations_.record(clock_.monotonic_ns() - began_ns);
        if (!written.ok() && !base::is_planted(base::Bug::kIgnoreFailedWrite)) {
            poison(std::move(written).error());
        } else {
            written_seq_ = piece.whole_seq;
            if (!synced && !had_unsynced) unsynced_since_ns_ = clock_.monotonic_ns();
            if (synced) {
                publish();
            } else {
                on_published_(published_seq());  // Wakes whoever sees to the sync.
            }
        }
    }
    if (piece.empty() && !is_poisoned() && log_.has_unsynced() && has_durable_waiter()) sync_written();

    std::vector<std::shared_ptr<PendingAnswer>> ready;
    Error failure;
    const bool failed = is_poisoned();
    {
        const std::lock_guard lock(queue_mutex_);
        const std::uint64_t published = published_seq();
        if (failed) {
            failure = poison_error_;
            ready.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
            waiting_.clear();
        } else {
            const auto is_ready = [&](const PendingAnswer& pending) {
                return pending.needs_seq_ <= (pending.wanted_ == Durability::kOs ? written_seq_ : published);
            };
            auto kept = waiting_.begin();
            for (auto& pending : waiting_) {
                if (is_ready(*pending)) {
                    ready.push_back(std::move(pending));
                } else if (pending->needs_seq_ > written_seq_) {
                    break;
                } else {
                    *kept++ = std::move(pending);
                }
            }
            const auto rest =
                std::find_if(kept, waiting_.end(), [](const auto& pending) { return pending != nullptr; });
            waiting_.erase(kept, rest);
        }
    }
    const Durability reached = options_.in_memory ? Durability::kMemory
                               : synced           ? Durability::kDurable
                                                  : Durability::kOs;
    answer_ready(ready, failed ? &failure : nullptr, reached);
    room_.notify_all();
}

void CommitQueue::answer_ready(std::vector<std::shared_ptr<PendingAnswer>>& ready, const Error* failure,
                               Durability reached) {
    for (const auto& pending : ready) finish(*pending, failure, reached);
}

void CommitQueue::finish(PendingAnswer& pending, const Error* failure, Durability reached) {
    const bool was_published = pending.needs_seq_ <= published_seq();
    if (failure != nullptr && !was_published) {
        pending.answer_ = indeterminate(*failure, pending.answer_);
    } else if (pending.answer_.ok()) {
        pending.answer_->durability = reached == Durability::kMemory ? reached
                                      : was_published                ? Durability::kDurable
                                                                     : Durability::kOs;
        if (base::is_planted(base::Bug::kLieAboutDurability)) pending.answer_->durability = Durability::kDurable;
    }
    if (pending.callback) {
        is_answering = true;
        pending.callback(std::move(pending.answer_));
        is_answering = false;
    }
    pending.state_.store(PendingAnswer::kDone, std::memory_order_release);
    pending.state_.notify_all();
}

/// Whether a round could answer somebody. Requires: the role and queue_mutex_.
bool CommitQueue::is_answerable() const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [&](const auto& pending) { return is_poisoned() || pending->needs_seq_ <= written_seq_; });
}

/// Gives the role to whoever has something to commit, or frees it.
void CommitQueue::release_role(bool on_committer_thread) {
    std::unique_lock lock(queue_mutex_);
    const bool has_work = !stopping_ && (pending_bytes_.load(std::memory_order_relaxed) > 0 || is_answerable());
    if (has_work && !(is_poisoned() && waiting_.empty())) {
        const auto leader =
            std::find_if(waiting_.begin(), waiting_.end(), [](const auto& pending) { return pending->is_blocking_; });
        if (leader != waiting_.end()) {
            const std::shared_ptr<PendingAnswer> pending = *leader;
            pending->is_blocking_ = false;
            lock.unlock();
            pending->state_.store(PendingAnswer::kLead, std::memory_order_release);
            pending->state_.notify_one();
            return;
        }
        if (options_.with_thread) {
            role_is_for_thread_ = true;
            lock.unlock();
            if (!on_committer_thread) committer_wake_.notify_one();
            return;
        }
    }
    role_is_taken_ = false;
    lock.unlock();
    role_free_.notify_all();
}

void CommitQueue::committer_loop() {
    while (true) {
        {
            std::unique_lock lock(queue_mutex_);
            committer_wake_.wait(lock, [&] { return role_is_for_thread_ || stopping_; });
            if (!role_is_for_thread_) return;
            role_is_for_thread_ = false;
        }
        run_round();
        release_role(true);
    }
}

void CommitQueue::poison(Error error) {
    {
        const std::lock_guard lock(queue_mutex_);
        if (!is_poisoned()) poison_error_ = std::move(error);
    }
    poisoned_.store(true, std::memory_order_release);
}

Error CommitQueue::poison_error() const {
    const std::lock_guard lock(queue_mutex_);
    return base::fail(ErrorCode::kReadOnly, "the store accepts no appends since the log could not be written (" +
                                                poison_error_.message + "); reads go on; reopen the store to recover");
}

void CommitQueue::stop() {
    {
        std::unique_lock lock(queue_mutex_);
        if (stopping_) return;
        stopping_ = true;
        committer_wake_.notify_all();
        role_free_.wait(lock, [&] { return !role_is_taken_ || role_is_for_thread_; });
    }
    room_.notify_all();
    if (committer_.joinable()) committer_.join();
    std::vector<std::shared_ptr<PendingAnswer>> left;
    {
        const std::lock_guard lock(queue_mutex_);
        left.assign(waiting_.begin(), waiting_.end());
        waiting_.clear();
    }
    const Error closed = base::fail(ErrorCode::kClosed, "the store was closed");
    for (const auto& pending : left) finish(*pending, &closed, Durability::kOs);
}

}  // namespace chronos::store
