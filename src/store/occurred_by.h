// Passing over events that occurred too late to count, without looking at them: index files say of each stripe of
// seqs when the first of them occurred.
//
// Threads: one; the parts must live as long.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "store/index_set.h"

namespace chronos::store {

class OccurredBy {
public:
    /// Without a time everything may count.
    OccurredBy(const IndexParts& parts, std::optional<Timestamp> time) : parts_(parts), time_(time) {}

    /// Whether the event at `seq` may have occurred by the time. Cost: nothing while seqs stay in one stripe.
    bool may(std::uint64_t seq) {
        if (!time_) return true;
        if (seq < begin_seq_ || seq >= end_seq_) look_up(seq);
        return may_;
    }

private:
    void look_up(std::uint64_t seq) {
        const auto part =
            std::upper_bound(parts_.files.begin(), parts_.files.end(), seq,
                             [](std::uint64_t value, const FilePart& file) { return value < file.file->end_seq(); });
        if (part == parts_.files.end()) {  // Only in memory.
            begin_seq_ = parts_.files_end();
            end_seq_ = std::numeric_limits<std::uint64_t>::max();
            may_ = true;
            return;
        }
        const index::IndexFile& file = *part->file;
        const std::uint64_t stripe = seq / index::kStripeEvents;
        begin_seq_ = std::max(stripe * index::kStripeEvents, file.begin_seq());
        end_seq_ = std::min((stripe + 1) * index::kStripeEvents, file.end_seq());
        may_ = file.stripes()[stripe - file.begin_seq() / index::kStripeEvents].min_occurred_at <= time_->ns;
    }

    const IndexParts& parts_;
    const std::optional<Timestamp> time_;
    std::uint64_t begin_seq_ = 0, end_seq_ = 0;
    bool may_ = true;
};

}  // namespace chronos::store
