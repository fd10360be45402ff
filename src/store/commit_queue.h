// From appended to acknowledged: who commits, what is published, who is answered.
//
// Commits are self-clocking: one is in flight, and the next takes everything that was appended meanwhile. Committing is
// a role, not a thread: a caller that waits takes it when it is free, so a lone client commits on its own thread; when
// no caller waits, the committer thread has it.
//
//     appender  ──append n──append n+1──append n+2──▶            (writer's lock, short)
//     role            └─cut─seal─write n──┐└─cut─seal─write n+1, n+2──┐
//                                   publish, answer            publish, answer
//
// Threads: every method from any thread. Lock order: the writer's lock before queue_mutex_; neither is held while
// writing.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/duration_histogram.h"
#include "chronos/append.h"
#include "chronos/result.h"
#include "io/clock.h"
#include "wal/log.h"

namespace chronos::store {

/// An answer that waits until what it depends on is durable.
class PendingAnswer {
public:
    PendingAnswer(Result<AppendResult> answer, std::uint64_t needs_seq, Durability wanted)
        : needs_seq_(needs_seq), wanted_(wanted), answer_(std::move(answer)) {}

    /// Called once, on the thread that commits, instead of `take`.
    std::function<void(Result<AppendResult>)> callback;

    [[nodiscard]] bool is_done() const { return state_.load(std::memory_order_acquire) == kDone; }
    /// The answer. Requires: is_done, and no callback.
    Result<AppendResult> take() { return std::move(answer_); }

private:
    friend class CommitQueue;
    enum State : std::uint32_t { kWaiting, kLead, kDone };

    std::atomic<std::uint32_t> state_ = kWaiting;
    bool is_blocking_ = false;  // a caller sleeps on state_; guarded by queue_mutex_
    const std::uint64_t needs_seq_;
    const Durability wanted_;
    Result<AppendResult> answer_;
};

class CommitQueue {
public:
    struct Options {
        bool in_memory = false;
        /// Without a committer thread asynchronous appends are committed by `run_pending`.
        bool with_thread = true;
    };
    /// `writer_lock` guards the log's appending side. `on_published(seq)` is called after each publication.
    CommitQueue(wal::Log& log, std::mutex& writer_lock, io::Clock& clock, Options options, std::uint64_t durable_seq,
                std::function<void(std::uint64_t)> on_published);
    ~CommitQueue();
    CommitQueue(const CommitQueue&) = delete;
    CommitQueue& operator=(const CommitQueue&) = delete;

    /// Every seq below it is durable and visible.
    [[nodiscard]] std::uint64_t published_seq() const { return published_seq_.load(std::memory_order_acquire); }

    [[nodiscard]] DurationCounts sync_durations() const { return sync_durations_.counts(); }

    /// Queues an answer. Requires: the writer's lock, so that answers are in the order of their seqs.
    void enqueue(std::shared_ptr<PendingAnswer> pending);
    /// Something was appended to the log. Requires: the writer's lock.
    void note_appended() { pending_bytes_.store(log_.pending_size(), std::memory_order_relaxed); }

    /// Waits for an answer, committing as long as nobody else does.
    void wait(PendingAnswer& pending);
    /// Makes sure that somebody commits.
    void kick();
    /// Whether this thread is calling a completion: it has the commit role and must not wait.
    static bool is_answering_here();
    /// Waits until fewer than `bytes` wait to be written.
    void wait_for_room(std::uint64_t bytes);
    /// Makes some of what was appended durable, or waits a moment while somebody else does.
    void advance();
    /// Accepts nothing from now on, as after a failed write.
    void refuse_from_now(Error error);
    /// Commits all that waits on the calling thread, if the role is free.
    void run_pending();
    /// Syncs what was only written, if the role is free.
    void sync_if_due();

    /// The first error of a write; from then on the store is read-only.
    [[nodiscard]] bool is_poisoned() const { return poisoned_.load(std::memory_order_acquire); }
    [[nodiscard]] Error poison_error() const;

    /// Commits, and syncs, until nothing waits; others may be committing meanwhile.
    void drain();
    /// Answers whatever still waits with an unknown outcome.
    void stop();

private:
    bool try_take_role();
    void take_role();
    void run_round();
    void publish();
    void sync_written();
    void release_role(bool on_committer_thread);
    void answer_ready(std::vector<std::shared_ptr<PendingAnswer>>& ready, const Error* failure, Durability reached);
    void finish(PendingAnswer& pending, const Error* failure, Durability reached);
    void poison(Error error);
    bool wants_sync(const wal::Piece& piece);
    bool has_durable_waiter();
    bool is_answerable() const;
    void committer_loop();

    wal::Log& log_;
    std::mutex& writer_lock_;
    io::Clock& clock_;
    const Options options_;
    const std::function<void(std::uint64_t)> on_published_;

    std::atomic<std::uint64_t> published_seq_;  // release by the role's holder, acquire by readers
    std::atomic<std::uint64_t> pending_bytes_ = 0;
    std::atomic<bool> poisoned_ = false;
    base::DurationHistogram sync_durations_;
    std::uint64_t written_seq_;       // the role's
    std::int64_t unsynced_since_ns_;  // the role's

    mutable std::mutex queue_mutex_;
    std::deque<std::shared_ptr<PendingAnswer>> waiting_;  // guarded by queue_mutex_
    bool role_is_taken_ = false;                          // guarded by queue_mutex_
    bool role_is_for_thread_ = false;                     // guarded by queue_mutex_
    bool stopping_ = false;                               // guarded by queue_mutex_
    Error poison_error_;                                  // guarded by queue_mutex_
    std::condition_variable committer_wake_;
    std::condition_variable room_;
    std::condition_variable role_free_;
    std::thread committer_;
};

}  // namespace chronos::store
