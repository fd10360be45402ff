// Appends many batches in order with several on their way to the disk at once, and counts what
// became of them.
//
// A batch of which some ids are known is appended again without those, so that the same input may
// be given twice. It then enters after the batches behind it that were on their way. Where the
// known ids reach to the end or the start of the batch, as when an interrupted run is repeated,
// they are found beforehand and the order is kept. A batch that has an id twice is cut in front of
// the second one, so that what becomes of it does not depend on where batches end.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "chronos/store.h"
#include "ingest/append_target.h"

namespace chronos::ingest {

class AppendPipeline {
public:
    struct Batch {
        BatchBuilder events;
        /// Line of each event in the input, for messages; may be empty.
        std::vector<std::uint64_t> lines;
        /// Of the input; what `committed_through` becomes with it.
        std::uint64_t last_line = 0;
        AppendOptions options;
    };
    struct Counts {
        std::uint64_t appended = 0;
        std::uint64_t duplicates = 0;
        std::uint64_t duplicate_batches = 0;
        /// Every line up to this one is in the store.
        std::uint64_t committed_through = 0;
        /// The line that failed, if it is known.
        std::optional<std::uint64_t> failed_line;
    };

    /// Requires: the target outlives this.
    explicit AppendPipeline(AppendTarget& target, std::size_t in_flight_max = 8)
        : target_(target), in_flight_max_(in_flight_max) {}
    explicit AppendPipeline(Store& store, std::size_t in_flight_max = 8)
        : of_store_(std::make_unique<StoreTarget>(store)), target_(*of_store_), in_flight_max_(in_flight_max) {}

    /// Appends, waiting only for room. Errors: of this batch or an earlier one; the lines before
    /// the one that is wrong are appended. After an error nothing more is taken.
    Status submit(Batch batch);
    /// Waits for everything that is on its way; answers the first error.
    Status finish();

    [[nodiscard]] const Counts& counts() const { return counts_; }

private:
    struct InFlight {
        AppendTarget::Answer answer;
        Batch batch;  // its events only where their ids may be known
    };

    Status submit_part(Batch batch);
    Status check(Batch& batch);
    Status wait_for_oldest();
    Result<AppendResult> append_now(BatchBuilder&& events, const AppendOptions& options);
    Status append_alone(Batch batch);
    Status append_unknown(const Batch& batch, Error error);
    [[nodiscard]] bool overlaps_known_ids(const Batch& batch) const;
    void count(const AppendResult& result, std::uint64_t last_line);
    Error refuse(Error error, const Batch& batch);
    Error fail(Error error, const std::vector<std::uint64_t>& lines);

    std::unique_ptr<StoreTarget> of_store_;
    AppendTarget& target_;
    std::size_t in_flight_max_;
    std::deque<InFlight> in_flight_;
    std::optional<Error> failure_;
    Counts counts_;
};

}  // namespace chronos::ingest
