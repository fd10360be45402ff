#include "ingest/append_pipeline.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "event/batch_content.h"

namespace chronos::ingest {
namespace {

bool has_explicit_ids(const BatchBuilder& batch) {
    bool found = false;
    batch.content().for_each_event(
        [&](const event::EventBytes& event) { found = found || event.has(event::kExplicitId); });
    return found;
}

bool has_conditions(const BatchBuilder& batch) {
    return !batch.content().conditions.empty() || !batch.content().event_conditions.empty();
}

void add_copy(const event::EventBytes& event, const ExpectedVersion& expected, BatchBuilder& to) {
    std::vector<std::string_view> tags;
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { tags.push_back(tag); });
    BatchBuilder::EventRef copy = {.entity_id = event.entity(),
                                   .event_type = event.type(),
                                   .payload = event.payload(),
                                   .metadata = event.metadata(),
                                   .tags = tags,
                                   .expected_version = expected,
                                   .unvalidated = event.has(event::kUnvalidated)};
    if (event.has(event::kExplicitId)) copy.id = event.explicit_id();
    if (const auto ns = event.sent_occurred_at()) copy.occurred_at = Timestamp{*ns};
    to.add(copy);
}

/// The events for which `wanted(index, event)` holds, with their lines.
template <typename Wanted>
AppendPipeline::Batch part_of(const AppendPipeline::Batch& batch, const Wanted& wanted) {
    AppendPipeline::Batch part{.last_line = batch.last_line, .options = batch.options};
    const BatchBuilder::Content& content = batch.events.content();
    auto condition = content.event_conditions.begin();
    std::size_t index = 0;
    content.for_each_event([&](const event::EventBytes& event) {
        ExpectedVersion expected;
        if (condition != content.event_conditions.end() && condition->event_index == index)
            expected = (condition++)->expected;
        if (wanted(index, event)) {
            add_copy(event, expected, part.events);
            if (index < batch.lines.size()) part.lines.push_back(batch.lines[index]);
        }
        ++index;
    });
    return part;
}

/// The first event whose id another one before it has.
std::optional<std::size_t> first_repeated_id(const BatchBuilder& batch) {
    std::vector<std::pair<Uuid, std::size_t>> ids;
    std::size_t index = 0;
    batch.content().for_each_event([&](const event::EventBytes& event) {
        if (event.has(event::kExplicitId)) ids.emplace_back(event.explicit_id(), index);
        ++index;
    });
    std::sort(ids.begin(), ids.end());
    std::optional<std::size_t> repeated;
    for (std::size_t i = 1; i < ids.size(); ++i) {
        if (ids[i].first == ids[i - 1].first) repeated = std::min(repeated.value_or(ids[i].second), ids[i].second);
    }
    return repeated;
}

/// The first event that breaks a rule, and which one.
struct Fault {
    std::size_t index = 0;
    Status status;
};

Fault first_fault(const AppendPipeline::Batch& batch) {
    Fault fault;
    std::size_t index = 0;
    batch.events.content().for_each_event([&](const event::EventBytes& event) {
        if (fault.status.ok()) {
            BatchBuilder alone;
            add_copy(event, {}, alone);
            fault = {index, event::check_content(alone.content(), false)};
        }
        ++index;
    });
    if (fault.status.ok()) fault.index = index;
    return fault;
}

std::string lines_text(const std::vector<std::uint64_t>& lines) {
    if (lines.size() == 1) return "line " + std::to_string(lines.front());
    const bool is_range = lines.back() - lines.front() + 1 == lines.size();
    if (is_range && lines.size() > 2)
        return "lines " + std::to_string(lines.front()) + " to " + std::to_string(lines.back());
    constexpr std::size_t kNamedMax = 5;
    std::string text = "lines ";
    for (std::size_t i = 0; i < std::min(lines.size(), kNamedMax); ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(lines[i]);
    if (lines.size() > kNamedMax) text += " and " + std::to_string(lines.size() - kNamedMax) + " more";
    return text;
}

}  // namespace

Status AppendPipeline::submit(Batch batch) {
    const bool is_of_one_piece = !batch.events.content().conditions.empty() || batch.options.batch_id.has_value();
    while (!is_of_one_piece) {
        const std::optional<std::size_t> cut = first_repeated_id(batch.events);
        if (!cut) break;
        Batch front = part_of(batch, [&](std::size_t index, const auto&) { return index < *cut; });
        if (*cut < batch.lines.size()) front.last_line = batch.lines[*cut] - 1;
        batch = part_of(batch, [&](std::size_t index, const auto&) { return index >= *cut; });
        RETURN_IF_ERROR(submit_part(std::move(front)));
        RETURN_IF_ERROR(finish());  // so that the repeated one is found, and the order is kept
    }
    return submit_part(std::move(batch));
}

Status AppendPipeline::submit_part(Batch batch) {
    if (failure_) return *failure_;
    if (batch.events.event_count() == 0) return {};
    RETURN_IF_ERROR(check(batch));
    // A condition may depend on the batches before it, and a failed one must stop those behind it.
    const bool stands_alone = has_conditions(batch.events) || (!batch.options.batch_id && overlaps_known_ids(batch));
    if (stands_alone) return append_alone(std::move(batch));
    while (in_flight_.size() >= in_flight_max_) RETURN_IF_ERROR(wait_for_oldest());

    BatchBuilder events = std::move(batch.events);
    batch.events = BatchBuilder();
    if (has_explicit_ids(events)) batch.events.content() = events.content();
    auto answer = target_.begin(std::move(events), batch.options);
    if (!answer.ok()) {
        (void)finish();  // what is on its way comes before this batch
        return refuse(std::move(answer).error(), batch);
    }
    in_flight_.push_back({.answer = std::move(*answer), .batch = std::move(batch)});
    return {};
}

Status AppendPipeline::finish() {
    while (!in_flight_.empty()) (void)wait_for_oldest();
    if (failure_) return *failure_;
    return {};
}

/// Refuses a batch that breaks a rule, after appending what stands before the fault.
Status AppendPipeline::check(Batch& batch) {
    Status status = event::check_content(batch.events.content(), false);
    if (status.ok()) return {};
    Fault fault = first_fault(batch);
    const bool is_line = fault.index < batch.lines.size();
    if (is_line && batch.events.content().conditions.empty() && !batch.options.batch_id) {
        Batch before = part_of(batch, [&](std::size_t index, const auto&) { return index < fault.index; });
        before.last_line = batch.lines[fault.index] - 1;
        RETURN_IF_ERROR(submit_part(std::move(before)));
    }
    (void)finish();
    if (is_line) return fail(std::move(fault.status).error(), {batch.lines[fault.index]});
    return fail(std::move(status).error(), batch.lines);
}

Status AppendPipeline::wait_for_oldest() {
    InFlight entry = std::move(in_flight_.front());
    in_flight_.pop_front();
    Result<AppendResult> result = entry.answer();
    if (result.ok()) {
        count(*result, entry.batch.last_line);
        return {};
    }
    const bool has_events = entry.batch.events.event_count() > 0;
    if (result.error().code == ErrorCode::kPartialDuplicate && has_events && !failure_)
        return append_unknown(entry.batch, std::move(result).error());
    return refuse(std::move(result).error(), entry.batch);
}

Result<AppendResult> AppendPipeline::append_now(BatchBuilder&& events, const AppendOptions& options) {
    ASSIGN_OR_RETURN(const AppendTarget::Answer answer, target_.begin(std::move(events), options));
    return answer();
}

Status AppendPipeline::append_alone(Batch batch) {
    RETURN_IF_ERROR(finish());
    BatchBuilder events;
    events.content() = batch.events.content();
    Result<AppendResult> result = append_now(std::move(events), batch.options);
    if (result.ok()) {
        count(*result, batch.last_line);
        return {};
    }
    if (result.error().code == ErrorCode::kPartialDuplicate && !has_conditions(batch.events))
        return append_unknown(batch, std::move(result).error());
    return refuse(std::move(result).error(), batch);
}

/// Appends the events whose ids `error` does not list as known.
Status AppendPipeline::append_unknown(const Batch& batch, Error error) {
    if (!error.append_failure) return refuse(std::move(error), batch);
    const std::set<Uuid> known(error.append_failure->known_ids.begin(), error.append_failure->known_ids.end());
    Batch unknown = part_of(batch, [&](std::size_t, const event::EventBytes& event) {
        return !event.has(event::kExplicitId) || !known.contains(event.explicit_id());
    });
    unknown.options.batch_id.reset();
    BatchBuilder events;
    events.content() = unknown.events.content();
    Result<AppendResult> result = append_now(std::move(events), unknown.options);
    if (!result.ok()) return refuse(std::move(result).error(), unknown);
    counts_.duplicates += known.size();
    count(*result, batch.last_line);
    return {};
}

/// Whether the first or the last event of a batch with explicit ids is in the store already.
bool AppendPipeline::overlaps_known_ids(const Batch& batch) const {
    std::optional<Uuid> first;
    std::optional<Uuid> last;
    batch.events.content().for_each_event([&](const event::EventBytes& event) {
        if (!event.has(event::kExplicitId)) return;
        last = event.explicit_id();
        if (!first) first = last;
    });
    if (!first || !last) return false;
    return target_.has_event(batch.options.branch, *first) || target_.has_event(batch.options.branch, *last);
}

void AppendPipeline::count(const AppendResult& result, std::uint64_t last_line) {
    (result.duplicate ? counts_.duplicates : counts_.appended) += result.events.size();
    if (result.duplicate) ++counts_.duplicate_batches;
    if (!failure_) counts_.committed_through = std::max(counts_.committed_through, last_line);
}

/// Fails with the lines of the events that the error is about, or else with all of the batch.
Error AppendPipeline::refuse(Error error, const Batch& batch) {
    if (error.code != ErrorCode::kIdConflict || !error.append_failure) return fail(std::move(error), batch.lines);
    const std::set<Uuid> differing(error.append_failure->known_ids.begin(), error.append_failure->known_ids.end());
    const Batch part = part_of(batch, [&](std::size_t, const event::EventBytes& event) {
        return event.has(event::kExplicitId) && differing.contains(event.explicit_id());
    });
    return fail(std::move(error), part.lines.empty() ? batch.lines : part.lines);
}

/// Remembers the first error, with the lines it is about.
Error AppendPipeline::fail(Error error, const std::vector<std::uint64_t>& lines) {
    if (failure_) return *failure_;
    if (!lines.empty()) {
        error = base::with_context(std::move(error), lines_text(lines));
        counts_.failed_line = lines.front();
    }
    failure_ = error;
    return error;
}

}  // namespace chronos::ingest
