#include "app/append_pipeline.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/result.h"
#include "event/batch_content.h"

namespace chronos::app {
namespace {

/// Adds what `event` holds to `batch`.
void add_copy(const event::EventBytes& event, BatchBuilder& batch) {
    std::vector<std::string_view> tags;
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) { tags.push_back(tag); });
    BatchBuilder::EventRef copy = {.entity_id = event.entity(),
                                   .event_type = event.type(),
                                   .payload = event.payload(),
                                   .metadata = event.metadata(),
                                   .tags = tags,
                                   .unvalidated = event.has(event::kUnvalidated)};
    if (event.has(event::kExplicitId)) copy.id = event.explicit_id();
    if (const auto ns = event.sent_occurred_at()) copy.occurred_at = Timestamp{*ns};
    batch.add(copy);
}

template <typename Visit>
void for_each_event(const std::vector<std::byte>& events, Visit&& visit) {
    for (std::size_t at = 0; at < events.size();) {
        const event::EventBytes event(events.data() + at);
        visit(event);
        at += event.header().size;
    }
}

/// The first event of `content` that breaks a rule, alone.
std::size_t first_faulty_event(const BatchBuilder::Content& content) {
    std::size_t index = 0;
    std::optional<std::size_t> faulty;
    for_each_event(content.events, [&](const event::EventBytes& event) {
        if (!faulty) {
            BatchBuilder alone;
            add_copy(event, alone);
            if (!event::check_content(alone.content(), false).ok()) faulty = index;
        }
        ++index;
    });
    return faulty.value_or(index);
}

bool has_conditions(const BatchBuilder::Content& content) {
    return !content.conditions.empty() || !content.event_conditions.empty();
}

}  // namespace

Status AppendPipeline::submit(Batch batch) {
    if (failure_) return *failure_;
    if (batch.events.event_count() == 0) return {};
    RETURN_IF_ERROR(check(batch));
    // A condition may depend on the batches before it, and a failed one must stop those behind it.
    const bool stands_alone = has_conditions(batch.events.content()) ||
                              (!batch.options.batch_id && overlaps_known_ids(batch.events));
    if (stands_alone) return append_alone(std::move(batch));
    while (in_flight_.size() >= in_flight_max_) RETURN_IF_ERROR(wait_for_oldest());

    InFlight entry{
        .lines = std::move(batch.lines), .last_line = batch.last_line, .options = batch.options};
    const std::vector<std::byte>& events = batch.events.content().events;
    if (!events.empty() && event::EventBytes(events.data()).has(event::kExplicitId))
        entry.events = events;
    Result<PendingAppend> pending = store_.append_async(std::move(batch.events), batch.options);
    if (!pending.ok()) return fail(std::move(pending).error(), entry.lines);
    entry.pending = std::move(*pending);
    in_flight_.push_back(std::move(entry));
    return {};
}

Status AppendPipeline::finish() {
    while (!in_flight_.empty()) (void)wait_for_oldest();
    if (failure_) return *failure_;
    return {};
}

/// Refuses a batch that breaks a rule, after appending what stands before the fault.
Status AppendPipeline::check(Batch& batch) {
    const BatchBuilder::Content& content = batch.events.content();
    Status status = event::check_content(content, false);
    if (status.ok()) return {};
    const std::size_t index = first_faulty_event(content);
    if (index < batch.lines.size() && !has_conditions(content) && !batch.options.batch_id) {
        Batch before{.last_line = batch.lines[index] - 1, .options = batch.options};
        std::size_t i = 0;
        for_each_event(content.events, [&](const event::EventBytes& event) {
            if (i++ < index) add_copy(event, before.events);
        });
        if (index > 0) RETURN_IF_ERROR(submit(std::move(before)));
    }
    (void)finish();
    if (failure_) return *failure_;
    if (index < batch.lines.size()) batch.lines = {batch.lines[index]};
    return fail(std::move(status).error(), batch.lines);
}

Status AppendPipeline::wait_for_oldest() {
    InFlight entry = std::move(in_flight_.front());
    in_flight_.pop_front();
    Result<AppendResult> result = entry.pending.get();
    if (result.ok()) {
        count(*result, entry.last_line);
        return {};
    }
    if (result.error().code == ErrorCode::kPartialDuplicate && !entry.events.empty() && !failure_) {
        RETURN_IF_ERROR(append_unknown(entry.events, entry.options, std::move(result).error()));
        if (!failure_)
            counts_.committed_through = std::max(counts_.committed_through, entry.last_line);
        return {};
    }
    return fail(std::move(result).error(), entry.lines);
}

Status AppendPipeline::append_alone(Batch batch) {
    RETURN_IF_ERROR(finish());
    const std::vector<std::byte> events = batch.events.content().events;
    const bool retriable = !has_conditions(batch.events.content());
    Result<AppendResult> result = store_.append(std::move(batch.events), batch.options);
    if (result.ok()) {
        count(*result, batch.last_line);
        return {};
    }
    if (result.error().code != ErrorCode::kPartialDuplicate || !retriable)
        return fail(std::move(result).error(), batch.lines);
    RETURN_IF_ERROR(append_unknown(events, batch.options, std::move(result).error()));
    counts_.committed_through = std::max(counts_.committed_through, batch.last_line);
    return {};
}

/// Appends the events whose ids `error` does not list as known.
Status AppendPipeline::append_unknown(const std::vector<std::byte>& events,
                                      const AppendOptions& options, Error error) {
    if (!error.append_failure) return fail(std::move(error), {});
    const std::set<Uuid> known(error.append_failure->known_ids.begin(),
                               error.append_failure->known_ids.end());
    BatchBuilder unknown;
    for_each_event(events, [&](const event::EventBytes& event) {
        if (!event.has(event::kExplicitId) || !known.contains(event.explicit_id()))
            add_copy(event, unknown);
    });
    AppendOptions again = options;
    again.batch_id.reset();
    Result<AppendResult> result = store_.append(std::move(unknown), again);
    if (!result.ok()) return fail(std::move(result).error(), {});
    counts_.duplicates += known.size();
    count(*result, 0);
    return {};
}

/// Whether the first or the last event of a batch with explicit ids is in the store already.
bool AppendPipeline::overlaps_known_ids(const BatchBuilder& batch) {
    std::optional<Uuid> first;
    std::optional<Uuid> last;
    const auto& events = const_cast<BatchBuilder&>(batch)
                             .content()
                             .events;  // content() is not const; nothing changes
    for_each_event(events, [&](const event::EventBytes& event) {
        if (!event.has(event::kExplicitId)) return;
        last = event.explicit_id();
        if (!first) first = last;
    });
    if (!first || !last) return false;
    const Result<View> view = store_.view();
    Page page;
    return view.ok() && (view->read_event(*first, page).ok() || view->read_event(*last, page).ok());
}

void AppendPipeline::count(const AppendResult& result, std::uint64_t last_line) {
    (result.duplicate ? counts_.duplicates : counts_.appended) += result.events.size();
    if (result.duplicate) ++counts_.duplicate_batches;
    if (!failure_) counts_.committed_through = std::max(counts_.committed_through, last_line);
}

/// Remembers the first error, with the lines it is about.
Error AppendPipeline::fail(Error error, const std::vector<std::uint64_t>& lines) {
    if (lines.size() == 1) {
        error = base::with_context(std::move(error), "line " + std::to_string(lines.front()));
    } else if (!lines.empty()) {
        error = base::with_context(std::move(error), "lines " + std::to_string(lines.front()) +
                                                         " to " + std::to_string(lines.back()));
    }
    if (failure_) return *failure_;
    if (!lines.empty()) counts_.failed_line = lines.front();
    failure_ = error;
    return error;
}

}  // namespace chronos::app
