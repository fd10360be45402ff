#include "store/sealed_content.h"

#include <algorithm>

#include "event/body.h"

namespace chronos::store {
namespace {

/// Runs and times of the part's events, read from the batches they are in.
void add_places_and_times(const index::MemoryPart& part, index::IndexResident& content) {
    const std::uint64_t begin_seq = part.begin_seq();
    const std::uint64_t end_seq = part.end_seq();
    std::uint64_t seq = begin_seq;
    while (seq < end_seq) {
        const event::EventBytes first(part.event(seq));
        const event::BodyView body(first.body());
        const event::BodyHeader& header = body.header();
        if (!content.runs.empty() && content.runs.back().branch == header.branch) {
            content.runs.back().count += header.event_count;
        } else {
            content.runs.push_back({.branch = header.branch,
                                    .first_position = header.first_position,
                                    .first_seq = seq,
                                    .count = header.event_count});
        }
        body.for_each_event([&](const event::EventBytes& event) {
            const std::int64_t occurred_at = event.occurred_at();
            const std::uint64_t stripe = seq / index::kStripeEvents - begin_seq / index::kStripeEvents;
            if (stripe == content.stripes.size())
                content.stripes.push_back({header.recorded_at, occurred_at, occurred_at});
            index::TimeStripe& times = content.stripes.back();
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
            recorded_at_before =
                event::BodyView(event::EventBytes(part.event(part.end_seq() - 1)).body()).header().recorded_at;
        }
        content.segments.push_back({.number = segment.number,
                                    .last_crc = segment.last_crc,
                                    .salt = segment.salt,
                                    .first_seq = segment.first_seq,
                                    .end_seq = segment.end_seq,
                                    .end_offset = segment.end_offset,
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
