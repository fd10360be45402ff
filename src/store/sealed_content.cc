#include "store/sealed_content.h"

#include <algorithm>
#include <limits>

#include "event/body.h"
#include "wal/removals.h"

namespace chronos::store {
namespace {

void add_run(index::IndexResident& content, const index::IndexedRun& run) {
    if (!content.runs.empty() && content.runs.back().branch == run.branch) {
        content.runs.back().count += run.count;
    } else {
        content.runs.push_back(run);
    }
}

/// The stripe of `seq`, which comes next.
index::TimeStripe& stripe_of(index::IndexResident& content, std::uint64_t begin_seq, std::uint64_t seq,
                             std::int64_t recorded_at) {
    const std::uint64_t stripe = seq / index::kStripeEvents - begin_seq / index::kStripeEvents;
    // With nothing but removed events in it no time is between these.
    if (stripe == content.stripes.size())
        content.stripes.push_back(
            {recorded_at, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()});
    return content.stripes.back();
}

/// Of a batch that was removed only its place is left. Returns the seq behind it.
std::uint64_t add_removed(const wal::RemovedRecord& stub, std::uint64_t begin_seq, index::IndexResident& content) {
    add_run(content, {.branch = stub.branch,
                      .first_position = stub.first_position,
                      .first_seq = stub.first_seq,
                      .count = stub.event_count});
    for (std::uint64_t seq = stub.first_seq; seq < stub.end_seq(); ++seq)
        stripe_of(content, begin_seq, seq, stub.recorded_at);
    return stub.end_seq();
}

std::int64_t recorded_at(const index::MemoryPart& part, std::uint64_t seq) {
    const std::byte* at = part.event(seq);
    if (part.is_removed(seq)) return base::load<wal::RemovedRecord>(at).recorded_at;
    return event::BodyView(event::EventBytes(at).body()).header().recorded_at;
}

/// Runs and times of the part's events, read from the batches they are in.
void add_places_and_times(const index::MemoryPart& part, index::IndexResident& content) {
    const std::uint64_t begin_seq = part.begin_seq();
    const std::uint64_t end_seq = part.end_seq();
    std::uint64_t seq = begin_seq;
    while (seq < end_seq) {
        if (part.is_removed(seq)) {
            seq = add_removed(base::load<wal::RemovedRecord>(part.event(seq)), begin_seq, content);
            continue;
        }
        const event::EventBytes first(part.event(seq));
        const event::BodyView body(first.body());
        const event::BodyHeader& header = body.header();
        add_run(content, {.branch = header.branch,
                          .first_position = header.first_position,
                          .first_seq = seq,
                          .count = header.event_count});
        body.for_each_event([&](const event::EventBytes& event) {
            const std::int64_t occurred_at = event.occurred_at();
            index::TimeStripe& times = stripe_of(content, begin_seq, seq, header.recorded_at);
            times.min_occurred_at = std::min(times.min_occurred_at, occurred_at);
            times.max_occurred_at = std::max(times.max_occurred_at, occurred_at);
            ++seq;
        });
    }
}

}  // namespace

index::IndexResident resident_of(const index::MemoryPart& part, const std::vector<wal::SealedSegment>& segments,
                                 std::uint64_t main_position_before, std::int64_t recorded_at_before) {
    index::IndexResident content;
    add_places_and_times(part, content);
    for (const wal::SealedSegment& segment : segments) {
        const bool is_parts = segment.end_seq > segment.first_seq;
        if (is_parts) {
            for (const index::IndexedRun& run : content.runs)
                if (run.branch == event::kMainBranch) main_position_before = run.first_position + run.count;
            recorded_at_before = recorded_at(part, part.end_seq() - 1);
        }
        content.segments.push_back({.number = segment.number,
                                    .last_crc = segment.last_crc,
                                    .salt = segment.salt,
                                    .first_seq = segment.first_seq,
                                    .end_seq = segment.end_seq,
                                    .end_offset = {segment.end_offset, segment.revision},
                                    .last_epoch = segment.last_epoch,
                                    .first_block_crc = static_cast<std::uint32_t>(content.block_crcs.size()),
                                    .main_end_position = main_position_before,
                                    .last_recorded_at = recorded_at_before});
        const auto crcs = segment.block_crcs.span();
        content.block_crcs.insert(content.block_crcs.end(), crcs.begin(), crcs.end());
    }
    return content;
}

}  // namespace chronos::store
