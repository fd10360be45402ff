// One read through the indexes: finds events wherever they are, and keeps what it gives out in memory while it is used.
//
// A reader holds the index parts of the moment it was made, so nothing it looks at goes away. Bytes of events are kept
// by pins: of one segment at a time (`Keep::kLatest`, for passing over many events) or of all that were given out
// (`Keep::kAll`, into a page's pins).
//
// The first error ends a read: what is asked afterwards finds nothing, and `status` tells.
//
// Threads: a reader belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/body.h"
#include "store/index_set.h"
#include "store/layers.h"
#include "store/pins.h"

namespace chronos::store {

/// Look-ups in flight at once: their cache misses overlap (docs/decisions/0004-index.md).
inline constexpr std::size_t kLookupGroup = 32;

class Reader {
public:
    struct Options {
        /// Where pins are kept; absent: only what was given out last stays.
        ImagePins* keep = nullptr;
        /// Whatever would have to be read from disk is an error kWouldBlock.
        bool resident_only = false;
    };
    explicit Reader(const IndexSet& indexes) : Reader(indexes, Options()) {}
    Reader(const IndexSet& indexes, const Options& options);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] const IndexSet& indexes() const { return indexes_; }
    [[nodiscard]] const IndexParts& parts() const { return *parts_; }
    [[nodiscard]] index::Access access() const {
        return options_.resident_only ? index::Access::kMemory : index::Access::kDisk;
    }
    /// The first error.
    [[nodiscard]] const Status& status() const { return status_; }
    [[nodiscard]] bool ok() const { return status_.ok(); }
    void fail(Error error);
    /// The value, or nothing once there was an error.
    template <typename T>
    std::optional<T> take(Result<T> result) {
        if (result.ok()) return std::move(result).value();
        fail(std::move(result).error());
        return std::nullopt;
    }

    struct Found {
        const std::byte* at = nullptr;  ///< An event; its body's header can be read as well.
        std::uint64_t place = 0;        ///< 0-based, in its entity's stream.
    };
    /// The event at `seq`; null after an error: kGone for one that was removed. Without `keep` valid until the next
    /// event is asked for. Requires: seq was published or is the writer's.
    const std::byte* event(std::uint64_t seq);
    Found find(std::uint64_t seq);
    /// The body of the batch that the event at `seq` is in, all of it. Null, and valid, as `event`. Requires: no
    /// `keep`.
    const std::byte* body(std::uint64_t seq);
    /// A group of at most kLookupGroup, its first cache lines brought near. False after an error. Requires: `keep`.
    bool find(std::span<const std::uint64_t> seqs, Found* found);

    /// Also of an event that was removed.
    std::int64_t recorded_at(std::uint64_t seq);
    /// How many of the first `end_seq` events were recorded at or before `time`.
    std::uint64_t seqs_recorded_by(std::int64_t time, std::uint64_t end_seq);

    /// The seq of the event with this id in the layers, among begin_seq ≤ seq < end_seq; nothing if there is none.
    std::optional<std::uint64_t> find_id(const Uuid& id, const Layers& layers, std::uint64_t begin_seq,
                                         std::uint64_t end_seq);
    /// Brings near what find_id will ask about a group of ids, so that their cache misses overlap.
    void prefetch_ids(std::span<const Uuid> ids, std::uint64_t begin_seq) const;
    /// The batch's first event in the layers, if not below begin_seq.
    std::optional<std::uint64_t> find_batch(const Uuid& batch_id, const Layers& layers, std::uint64_t begin_seq);

private:
    /// Where the event's bytes are in the log, or its stub's.
    struct Located {
        cache::FileImage* image = nullptr;
        std::uint64_t offset = 0;
        std::uint64_t place = 0;
        bool is_removed = false;
    };
    bool locate(std::uint64_t seq, Located& located);
    void pin(cache::FileImage& image);
    const std::byte* bring(const Located& located);
    const std::byte* bring_stub(const Located& located);
    void fail_removed(const Located& located);
    bool bring_from_disk(cache::FileImage& image, std::uint64_t offset);
    const index::MemoryPart* part_of(std::uint64_t seq);
    const FilePart* file_of(std::uint64_t seq);
    template <typename InPart, typename InFile>
    bool visit_candidates(std::uint64_t begin_seq, const InPart& in_part, const InFile& in_file);

    const IndexSet& indexes_;
    const Options options_;
    std::shared_ptr<const IndexParts> parts_;
    /// Parts that came after parts_ was taken; alive because older ones hold them.
    const index::MemoryPart* last_part_ = nullptr;
    const FilePart* last_file_ = nullptr;
    cache::FileImage* latest_ = nullptr;
    Status status_;
};

}  // namespace chronos::store
