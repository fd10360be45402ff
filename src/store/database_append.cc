// Database: the append path. Steps: database.h.
#include <algorithm>
#include <new>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "store/conditions.h"
#include "store/database.h"

namespace chronos::store {
namespace {

/// Events the writer step looks at for a condition; with more behind the published ones the caller evaluates again.
constexpr std::uint64_t kTailScanMax = 4'096;
/// Bytes that may wait for the disk before asynchronous appends wait for room.
constexpr std::uint64_t kPendingBytesMax = std::uint64_t{32} << 20;

Error refuse(ErrorCode code, std::string message, const PreparedBatch& batch, AppendFailure failure) {
    Error error = base::fail(code, std::move(message));
    failure.event_ids = batch.event_ids();
    error.append_failure = std::make_shared<const AppendFailure>(std::move(failure));
    return error;
}

std::string describe(const FailedCondition& failed) {
    if (failed.first_match)
        return "event " + failed.first_match->id.to_string() + " at position " +
               std::to_string(failed.first_match->position.value) + " matches";
    std::string expected;
    switch (failed.expected_version.kind) {
        case ExpectedVersion::Kind::kAny: expected = "any version"; break;
        case ExpectedVersion::Kind::kNone: expected = "no events"; break;
        case ExpectedVersion::Kind::kExists: expected = "some events"; break;
        case ExpectedVersion::Kind::kExactly:
            expected = "version " + std::to_string(failed.expected_version.version.value);
            break;
    }
    return "entity '" + failed.entity_id + "' has version " + std::to_string(failed.current_version.value) +
           ", expected " + expected;
}

Error conflict(const PreparedBatch& batch, std::vector<FailedCondition> failed) {
    std::sort(failed.begin(), failed.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    std::string message =
        "condition " + std::to_string(failed.front().index) + " does not hold: " + describe(failed.front());
    if (failed.size() > 1) message += " (and " + std::to_string(failed.size() - 1) + " more)";
    return refuse(ErrorCode::kVersionConflict, std::move(message), batch,
                  {.conditions = std::move(failed), .known_ids = {}, .unknown_ids = {}, .event_ids = {}});
}

bool has_match_conditions(const PreparedBatch& batch) {
    return std::any_of(batch.content.conditions.begin(), batch.content.conditions.end(),
                       [](const Condition& condition) { return std::holds_alternative<NoEventMatches>(condition); });
}

}  // namespace

Result<AppendResult> Database::append(BatchBuilder::Content content, const AppendOptions& options) {
    ASSIGN_OR_RETURN(const auto pending, submit(std::move(content), options, {}, false));
    queue_->wait(*pending);
    return pending->take();
}

Result<std::shared_ptr<PendingAnswer>> Database::submit(BatchBuilder::Content content, const AppendOptions& options,
                                                        std::function<void(Result<AppendResult>)> callback,
                                                        bool is_async) {
    if (options.durability == Durability::kMemory && !options_.in_memory)
        return base::fail(ErrorCode::kInvalidArgument,
                          "durability `memory` is a mode of a whole store, chosen when it is opened");
    ASSIGN_OR_RETURN(const ResolvedBranch branch, resolve(options.branch, published_seq()));
    if (branch.number == event::kSystemBranch)
        return base::fail(ErrorCode::kInvalidArgument, "the branch $system is the store's own");
    ASSIGN_OR_RETURN(PreparedBatch batch, prepare(std::move(content), options,
                                                  {.database = database_,
                                                   .layers = branch.layers,
                                                   .looks_for_derived_ids = branches_.has_merges(),
                                                   .fresh_batch_id = fresh_batch_id()},
                                                  *indexes_));
    Submission submission{.options = options, .callback = std::move(callback), .is_async = is_async, .check = {}};
    if (branch.number != event::kMainBranch)
        submission.check = [this, number = branch.number] { return branches_.check_live(number); };
    return submit_prepared(std::move(batch), std::move(submission));
}

Status Database::check_matches(const PreparedBatch& batch, std::uint64_t begin_seq, std::uint64_t end_seq, bool by_scan,
                               std::vector<FailedCondition>& failed) const {
    if (!by_scan) indexes_->catch_up(end_seq);
    Reader reader(*indexes_);
    std::vector<ScanQuery> queries;
    std::vector<std::uint32_t> conditions;  // the number of each query's
    for (std::uint32_t i = 0; i < batch.content.conditions.size(); ++i) {
        const auto* condition = std::get_if<NoEventMatches>(&batch.content.conditions[i]);
        if (condition == nullptr) continue;
        const std::uint64_t after = first_seq_after(*indexes_, batch.layers, condition->after, end_seq);
        queries.push_back({.query = &condition->query, .begin_seq = std::clamp(after, begin_seq, end_seq)});
        conditions.push_back(i);
    }
    std::vector<std::optional<std::uint64_t>> matches;
    if (by_scan) {
        matches = first_matches_by_scan(reader, batch.layers, queries, end_seq);
    } else {
        for (const ScanQuery& query : queries)
            matches.push_back(first_match(reader, batch.layers, *query.query, query.begin_seq, end_seq));
    }
    for (std::size_t i = 0; i < matches.size(); ++i) {
        const std::optional<std::uint64_t> match = matches[i];
        if (!match) continue;
        failed.push_back({.index = conditions[i],
                          .entity_id = {},
                          .expected_version = {},
                          .current_version = {},
                          .first_match = describe_match(reader, *match)});
    }
    return reader.status();
}

Result<std::shared_ptr<PendingAnswer>> Database::submit_prepared(PreparedBatch batch, Submission submission) {
    if (submission.is_async) queue_->wait_for_room(kPendingBytesMax);
    wait_for_memory();
    const bool matches_matter = has_match_conditions(batch);
    std::vector<FailedCondition> failed_published;
    std::uint64_t checked_seq = 0;
    std::shared_ptr<PendingAnswer> pending;
    std::uint64_t needs_seq = 0;
    bool too_much_unpublished = false;

    // Ids of older events may be on disk: they are looked for here, and under the lock only among what came since.
    const std::uint64_t known_seq = published_seq();
    ASSIGN_OR_RETURN(const KnownEvents known_published, known_in(batch, {.begin_seq = 0, .end_seq = known_seq}));
    KnownEvents known;
    while (pending == nullptr) {
        if (too_much_unpublished) queue_->advance();
        if (matches_matter) {
            const std::uint64_t published = published_seq();
            if (failed_published.empty())
                RETURN_IF_ERROR(check_matches(batch, checked_seq, published, false, failed_published));
            checked_seq = published;
        }
        const std::lock_guard lock(writer_lock_);
        if (closed_) return base::fail(ErrorCode::kClosed, "the store is closed");
        if (queue_->is_poisoned()) return queue_->poison_error();

        // Ids come before conditions: a retry gets its first answer although its conditions no longer hold.
        needs_seq = next_seq_;
        if (!batch.looks_for_derived_ids && branches_.has_merges()) {  // The first merge came in between.
            batch.looks_for_derived_ids = true;
            ASSIGN_OR_RETURN(known, known_in(batch, {.begin_seq = 0, .end_seq = next_seq_}));
        } else {
            ASSIGN_OR_RETURN(const KnownEvents known_since,
                             known_in(batch, {.begin_seq = known_seq, .end_seq = next_seq_}));
            known = join(known_published, known_since);
        }
        if (known.count > 0 || known.batch_differs) break;
        if (matches_matter && failed_published.empty() && next_seq_ - checked_seq > kTailScanMax) {
            too_much_unpublished = true;
            continue;
        }

        Result<AppendResult> answer = AppendResult();
        std::vector<FailedCondition> failed = failed_published;
        if (matches_matter && failed.empty() && !base::is_planted(base::Bug::kConditionIgnoresTail))
            RETURN_IF_ERROR(check_matches(batch, checked_seq, next_seq_, true, failed));
        check_versions(*indexes_, batch, failed);
        const Status checked = submission.check ? submission.check() : Status();
        if (!checked.ok()) {
            answer = refuse(checked.error().code, checked.error().message, batch, {});
        } else if (!failed.empty()) {
            answer = conflict(batch, std::move(failed));
        } else if (batch.content.event_count > 0) {
            ASSIGN_OR_RETURN(answer, place(batch));
            needs_seq = next_seq_;
        }
        pending = std::make_shared<PendingAnswer>(std::move(answer), needs_seq, submission.options.durability);
        pending->callback = std::move(submission.callback);
        queue_->note_appended();
        queue_->enqueue(pending);
    }
    if (pending == nullptr) {  // Known events never change, so they are compared without the lock.
        Result<AppendResult> answer = answer_known(batch, known);
        const std::lock_guard lock(writer_lock_);
        if (closed_) return base::fail(ErrorCode::kClosed, "the store is closed");
        pending = std::make_shared<PendingAnswer>(std::move(answer), next_seq_, submission.options.durability);
        pending->callback = std::move(submission.callback);
        queue_->enqueue(pending);
    }
    if (submission.is_async) queue_->kick();
    return pending;
}

Result<KnownEvents> Database::known_in(const PreparedBatch& batch, const KnownRange& range) const {
    if (!batch.has_explicit_ids && !batch.batch_id_is_given) return KnownEvents();
    Reader reader(*indexes_);
    KnownEvents known = find_known(reader, batch, range);
    RETURN_IF_ERROR(reader.status());
    return known;
}

/// The next batch's time: the clock's, but always later than the last batch's.
/// Requires: writer_lock_.
Result<std::int64_t> Database::next_recorded_at() {
    const std::int64_t wall = env_.clock.wall_ns();
    if (!clock_is_confirmed_) {
        const std::int64_t jumped = wall - env_.clock.monotonic_ns() - clock_offset_ns_;
        const bool is_behind = last_recorded_at_ != 0 && wall < last_recorded_at_ - kClockSuspectNs;
        if (is_behind || jumped > kClockSuspectNs || jumped < -kClockSuspectNs)
            return base::fail(ErrorCode::kClockSuspect,
                              "the clock says " + Timestamp{wall}.to_string() +
                                  ", more than an hour off the last record (" +
                                  Timestamp{last_recorded_at_}.to_string() +
                                  "); set the clock right, or accept it (accept_clock, --accept-clock)");
        clock_offset_ns_ += jumped;
    }
    clock_is_vouched_ = true;
    return base::is_planted(base::Bug::kTimeGoesBack) ? wall : std::max(wall, last_recorded_at_ + 1);
}

/// For who appends in any case, before what depends on the time.
Status Database::vouch_for_clock() {
    const std::lock_guard lock(writer_lock_);
    if (clock_is_vouched_) return {};
    ASSIGN_OR_RETURN(const std::int64_t recorded_at, next_recorded_at());
    (void)recorded_at;
    return {};
}

/// Puts the batch into the log's image and the indexes. Requires: writer_lock_; every condition holds.
Result<AppendResult> Database::place(PreparedBatch& batch) {
    ASSIGN_OR_RETURN(const std::int64_t recorded_at, next_recorded_at());
    return place_at(recorded_at, batch);
}

/// Puts the batches into the log as one group, which is recovered and becomes visible whole or not at all.
/// Requires: as `place`, for each batch when those in front are placed; at least one.
Result<std::vector<AppendResult>> Database::place_group(std::span<PreparedBatch> batches) {
    std::vector<std::size_t> body_sizes;
    for (const PreparedBatch& batch : batches) body_sizes.push_back(batch.body_size());
    std::vector<AppendResult> results;
    results.reserve(batches.size());
    ASSIGN_OR_RETURN(const std::int64_t recorded_at, next_recorded_at());
    RETURN_IF_ERROR(log_->make_room(body_sizes));
    if (!base::is_planted(base::Bug::kMergeInParts)) log_->begin_group(static_cast<std::uint32_t>(batches.size()));
    try {
        for (PreparedBatch& batch : batches) {
            auto placed = place_at(recorded_at, batch);
            if (!placed.ok()) return refuse_half_placed();
            results.push_back(std::move(placed).value());
        }
    } catch (const std::bad_alloc&) {
        return refuse_half_placed();
    }
    return results;
}

/// What was begun is not written, and nothing may follow it.
Error Database::refuse_half_placed() {
    queue_->refuse_from_now(base::fail(ErrorCode::kLimitExceeded, "out of memory"));
    return queue_->poison_error();
}

Result<AppendResult> Database::place_at(std::int64_t recorded_at, PreparedBatch& batch) {
    AppendResult result;
    result.events.reserve(batch.header.event_count);
    place_buffer_.clear();
    place_buffer_.reserve(batch.header.event_count);
    ASSIGN_OR_RETURN(std::byte* const body, log_->reserve(batch.body_size()));
    batch.header.recorded_at = last_recorded_at_ = recorded_at;
    const index::BranchRuns* runs = indexes_->runs(batch.header.branch);
    batch.header.first_position = runs != nullptr ? runs->next_position() : batch.layers.own().first_position;
    batch.write_body(body);
    const wal::Slot slot = log_->tail_slot();
    const std::uint64_t first_seq = next_seq_;
    try {
        const std::uint64_t body_offset = log_->append(first_seq, batch.header.event_count, batch.body_size());
        indexes_->apply(slot, body_offset, body, first_seq, batch.entity_hashes, &place_buffer_);
        if (batch.header.branch == event::kSystemBranch) {
            std::uint64_t seq = first_seq;
            event::BodyView(body).for_each_event([&](const event::EventBytes& event) {
                ASSERT(branches_.apply(event, seq++).ok());  // Its check has held.
            });
        }
    } catch (const std::bad_alloc&) {
        return refuse_half_placed();
    }
    next_seq_ += batch.header.event_count;
    result.recorded_at = {recorded_at};
    std::size_t i = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        result.events.push_back({batch.event_id(event), {batch.header.first_position + i}, {place_buffer_[i] + 1}});
        ++i;
    });
    return result;
}

/// The answer to a batch of which ids are known.
Result<AppendResult> Database::answer_known(const PreparedBatch& batch, const KnownEvents& known) const {
    AppendFailure failure;
    std::vector<Uuid> other_ids;  // known with other content
    AppendResult first;
    first.duplicate = true;
    Reader reader(*indexes_);
    std::size_t i = 0;
    batch.content.for_each_event([&](const event::EventBytes& event) {
        const std::optional<std::uint64_t> seq = i < known.seqs.size() ? known.seqs[i] : std::nullopt;
        ++i;
        (seq ? failure.known_ids : failure.unknown_ids).push_back(batch.event_id(event));
        if (!seq || !reader.ok()) return;
        const Reader::Found found = reader.find(*seq);
        if (found.at == nullptr) return;
        const event::EventBytes stored(found.at);
        if (!same_content(event, stored)) other_ids.push_back(batch.event_id(event));
        const auto header = event::BodyView(stored.body()).header();
        first.recorded_at = {header.recorded_at};
        first.events.push_back({stored.id(),
                                {header.first_position + stored.header().ordinal},
                                {stored.has(event::kNoEntity) ? 0 : found.place + 1}});
    });
    if (!reader.ok()) return refuse(reader.status().error().code, reader.status().error().message, batch, {});
    if (!other_ids.empty()) {
        std::string message = "id " + other_ids.front().to_string() + " is in the store with other content";
        if (other_ids.size() > 1) message += ", and so are " + std::to_string(other_ids.size() - 1) + " more";
        failure.known_ids = std::move(other_ids);
        return refuse(ErrorCode::kIdConflict, message + "; use new ids for other events", batch, std::move(failure));
    }
    if (failure.unknown_ids.empty() && !known.batch_differs) return first;
    // It is the batch that is known, not its events.
    if (failure.unknown_ids.empty() || failure.known_ids.empty()) {
        failure.unknown_ids.clear();
        return refuse(ErrorCode::kIdConflict,
                      "the batch id or idempotency key is in the store with other events; use a new one", batch,
                      std::move(failure));
    }
    std::string message = std::to_string(failure.known_ids.size()) + " of " + std::to_string(i) +
                          " ids are in the store already; " +
                          (known.batch_differs ? "the batch id or idempotency key has come before with other events: "
                                                 "send those again, or others under a new one"
                                               : "send the others as a batch of their own");
    return refuse(ErrorCode::kPartialDuplicate, std::move(message), batch, std::move(failure));
}

}  // namespace chronos::store
