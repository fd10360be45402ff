// Filters made ready: checked once, then asked per event; and which events need to be asked at all.
//
// Threads: values; const use from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "chronos/read.h"
#include "json/pointer.h"
#include "store/reader.h"
#include "store/seq_cursor.h"
#include "store/view.h"

namespace chronos::store {

class CompiledFilter {
public:
    /// Errors: kInvalidArgument naming the part, kLimitExceeded.
    static Result<CompiledFilter> compile(const Filter& filter);

    /// Whether an event passes every part.
    [[nodiscard]] bool matches(const event::EventBytes& event) const;

    /// The keys whose events hold every event that can pass, the cheapest found; empty with `is_everything` when
    /// no index helps.
    struct Candidates {
        std::vector<PostingKey> keys;
        bool is_everything = false;
        std::vector<std::string> texts;  ///< What keys that were found by prefix speak of.
    };
    /// Requires: the indexes are caught up with the view.
    /// `everything` is the number of events that would be looked at otherwise.
    [[nodiscard]] Candidates candidates(Reader& reader, const PinnedView& view, std::uint64_t everything) const;

    /// How many events of the view below `end_seq` pass, where lists alone tell: filters by nothing, by types, by the
    /// start of types or by entities; what the recorded times say is left to narrow(). Requires: as candidates.
    [[nodiscard]] std::optional<std::uint64_t> count_by_lists(Reader& reader, const PinnedView& view,
                                                              std::uint64_t end_seq) const;

    /// seqs the recorded times allow, within the view.
    void narrow(Reader& reader, std::uint64_t& begin_seq, std::uint64_t& end_seq) const;

    /// The same for equal filters; part of cursors.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }
    [[nodiscard]] bool needs_indexes() const;
    /// Whether it is of one entity, whose list is found by one look-up, and of nothing else that has lists.
    [[nodiscard]] bool is_of_one_entity() const { return entities_.size() == 1 && !needs_indexes(); }

private:
    [[nodiscard]] bool matches_metadata(std::string_view metadata) const;

    Filter filter_;
    std::unordered_set<std::string_view> types_, entities_;  // views into filter_
    json::PredicateSet fields_;
    json::PredicateSet metadata_;
    bool has_metadata_tests_ = false;
    std::uint64_t fingerprint_ = 0;

public:
    CompiledFilter() = default;
    CompiledFilter(const CompiledFilter&) = delete;
    CompiledFilter& operator=(const CompiledFilter&) = delete;
    CompiledFilter(CompiledFilter&&) = default;
    CompiledFilter& operator=(CompiledFilter&&) = default;
    ~CompiledFilter() = default;
};

/// Events of `view` that pass, from begin_seq up (or from end_seq down), at most `limit`.
struct ScanRequest {
    std::uint64_t begin_seq = 0;
    std::uint64_t end_seq = 0;
    bool forward = true;
    std::uint64_t limit = 0;
    /// Only how many there are; `limit` does not count.
    bool count_only = false;
    /// Stops when so many were looked at; 0: never.
    std::uint64_t examined_max = 0;
    /// Of payloads and metadata: stops before the event that would go beyond it, unless that is the first; 0: never.
    std::uint64_t bytes_max = 0;
};
struct ScanResult {
    std::vector<std::uint64_t> seqs;
    std::uint64_t count = 0;     ///< With count_only.
    bool has_more = false;       ///< Or there may be, if not all could be looked at.
    std::uint64_t last_seq = 0;  ///< With has_more: where to go on behind.
    std::uint64_t examined = 0;
};
/// Errors: kIo, kCorrupt.
Result<ScanResult> scan(const IndexSet& indexes, const PinnedView& view, const CompiledFilter& filter,
                        const ScanRequest& request);

}  // namespace chronos::store
