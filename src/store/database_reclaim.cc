// Database: giving back the space of forks that are gone, behind appends or when asked for. The work is the
// reclaimer's.
#include <algorithm>
#include <utility>

#include "base/result.h"
#include "store/database.h"

namespace chronos::store {
namespace {

/// Read and written at once between two pauses.
constexpr std::uint64_t kPaceBytes = std::uint64_t{1} << 20;
constexpr std::int64_t kBurstPauseMs = 100;
constexpr std::int64_t kProgressMs = 100;
/// A segment is finished for its sake when so much of it can be given back, and so great a part.
constexpr std::uint64_t kTailBytesMin = std::uint64_t{64} << 10;
constexpr std::uint64_t kTailShareMin = 4;
constexpr int kSealWaitsMax = 5'000;

Error closing() { return base::fail(ErrorCode::kClosed, "the store is being closed"); }

}  // namespace

/// What waits behind the indexing thread's long work is done first; then a pause, so that the disk is shared.
Status Database::pace_reclaiming(std::uint64_t bytes) {
    reclaim_debt_bytes_ += bytes;
    bool has_work = false;
    {
        std::unique_lock lock(indexing_mutex_);
        const bool is_urgent = reclaim_request_ != nullptr;
        std::int64_t pause_ms = 0;
        if (!is_urgent && reclaim_debt_bytes_ >= kPaceBytes) {
            pause_ms = static_cast<std::int64_t>(std::exchange(reclaim_debt_bytes_, 0) * 1'000 /
                                                 std::max<std::uint64_t>(1, options_.reclaim_bytes_per_second));
            if (log_->is_in_burst()) pause_ms += kBurstPauseMs;
        }
        indexing_wake_.wait_for(lock, std::chrono::milliseconds(pause_ms),
                                [&] { return indexing_stop_ || indexing_has_work_ || reclaim_request_ != nullptr; });
        if (indexing_stop_) return closing();
        has_work = std::exchange(indexing_has_work_, false);
    }
    return has_work ? keep_up() : Status();
}

/// One segment after the other, as long as there is something to give back.
Status Database::reclaim_behind() {
    reclaimer_->remove_retired();
    while (true) {
        ASSIGN_OR_RETURN(const bool has_more,
                         reclaimer_->step(published_seq(), options_.reclaim_limits,
                                          [this](std::uint64_t bytes) { return pace_reclaiming(bytes); }));
        if (!has_more) return {};
        const std::lock_guard lock(indexing_mutex_);
        if (indexing_stop_ || reclaim_request_ != nullptr) return {};
    }
}

Result<Reclaimed> Database::reclaim_all(const std::function<void()>& on_progress) {
    const std::uint64_t bytes_before = log_->counters().reclaimed_bytes;
    const std::uint64_t segments_before = reclaimer_->rewritten_segments();
    const std::uint64_t events_before = reclaimer_->removed_events();
    RETURN_IF_ERROR(seal_tail_for_reclaiming());
    reclaimer_->start_over();
    while (true) {
        ASSIGN_OR_RETURN(const bool has_more, reclaimer_->step(published_seq(), {}, [&](std::uint64_t bytes) {
            if (on_progress) on_progress();
            return options_.with_threads ? pace_reclaiming(bytes) : Status();
        }));
        if (!has_more) break;
    }
    return Reclaimed{.bytes = log_->counters().reclaimed_bytes - bytes_before,
                     .segments = reclaimer_->rewritten_segments() - segments_before,
                     .events = reclaimer_->removed_events() - events_before,
                     .waiting_segments = reclaimer_->waiting_files(),
                     .has_held_forks = branches_.has_held()};
}

/// Much of the segment that is appended to may be of forks that are gone: the log goes on in the next one, if that is
/// there already.
Status Database::seal_tail_for_reclaiming() {
    const auto tail = [&] {
        const std::lock_guard lock(writer_lock_);
        return std::pair(log_->tail_slot(), log_->tail_offset());
    };
    const auto [slot, tail_bytes] = tail();
    const std::uint64_t removable = reclaimer_->removable_in_tail(slot, published_seq());
    const bool is_worth_it = removable > 0 && log_->has_spare() && removable * kTailShareMin >= tail_bytes &&
                             removable >= std::min(kTailBytesMin, options_.reclaim_limits.gain_min_bytes);
    if (is_worth_it) {
        {
            const std::lock_guard lock(writer_lock_);
            if (closed_) return base::fail(ErrorCode::kClosed, "the store is closed");
            if (queue_->is_poisoned()) return queue_->poison_error();
            if (log_->tail_slot() == slot) RETURN_IF_ERROR(log_->begin_segment());
            if (log_->tail_slot() != slot)
                indexes_->begin_part(log_->tail_slot(), next_seq_, log_->image(log_->tail_slot()).data());
            // Once something in the new segment is durable, the one in front is finished.
            RETURN_IF_ERROR(log_->append_marker(next_seq_, false));
            marked_seq_ = next_seq_;
            queue_->note_appended();
        }
        queue_->kick();
        for (int i = 0; options_.with_threads && i < kSealWaitsMax && !log_->has_finished(); ++i) {
            if (queue_->is_poisoned()) return queue_->poison_error();
            std::unique_lock lock(indexing_mutex_);
            indexing_wake_.wait_for(lock, std::chrono::milliseconds(1), [&] { return indexing_stop_; });
            if (indexing_stop_) return closing();
        }
    }
    RETURN_IF_ERROR(log_->seal_finished());
    return keeper_->write_files(*log_);
}

void Database::answer_reclaim_request() {
    Result<Reclaimed> reclaimed = queue_->is_poisoned() ? Result<Reclaimed>(queue_->poison_error()) : reclaim_all({});
    const std::lock_guard lock(indexing_mutex_);
    reclaim_request_->answer = std::move(reclaimed);
    reclaim_request_ = nullptr;
    reclaim_wake_.notify_all();
}

/// The thread that would answer ends.
void Database::refuse_reclaim_request() {
    const std::lock_guard lock(indexing_mutex_);
    if (reclaim_request_ != nullptr) reclaim_request_->answer = Result<Reclaimed>(closing());
    reclaim_request_ = nullptr;
    reclaim_wake_.notify_all();
}

Result<Reclaimed> Database::reclaim(const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    if (options_.in_memory) return Reclaimed();
    const auto tell = [&] {
        if (on_progress) on_progress(std::min(reclaimer_->pass_bytes(), log_->used_bytes()), log_->used_bytes());
    };
    (void)expire_forks();  // What is due goes as well.
    if (!options_.with_threads) return reclaim_all(tell);
    ReclaimRequest request;
    std::unique_lock lock(indexing_mutex_);
    const auto is_free = [&] { return indexing_stop_ || reclaim_request_ == nullptr; };
    reclaim_wake_.wait(lock, is_free);
    if (indexing_stop_) return closing();
    reclaim_request_ = &request;
    indexing_wake_.notify_one();
    while (!request.answer) {
        reclaim_wake_.wait_for(lock, std::chrono::milliseconds(kProgressMs));
        lock.unlock();
        tell();
        lock.lock();
    }
    return std::move(*request.answer);
}

}  // namespace chronos::store
