// The index of one segment of the log while it is in memory: filled by the writer, completed behind it, then written to
// an index file and, when memory is short, dropped; from then on the file answers.
//
//     in the writer step:  seq → offset and place in its stream, chunks of seqs of streams, ids
//     behind it:           type, tag, correlation, causation, actor → seqs
//
// Threads: `add`, `publish`, `note_stream`, ids' and batches' add under the writer's lock; `map(kind)` is changed by
// whoever catches up; look-ups from any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "index/arena.h"
#include "index/id_table.h"
#include "index/index_content.h"
#include "index/posting_map.h"
#include "index/published_vector.h"
#include "index/stream_heads.h"

namespace chronos::index {

/// Seeds of the hash tables: secret, the database's for ever.
struct HashSeeds {
    std::uint64_t keys = 0;
    std::uint64_t ids = 0;

    [[nodiscard]] std::uint64_t of(KeyKind kind) const {
        return keys + std::uint64_t{16} * static_cast<std::uint64_t>(kind);
    }
    [[nodiscard]] std::uint64_t batches() const { return ids + 1; }
};

class MemoryPart {
public:
    /// `image` is where the segment's bytes are.
    MemoryPart(const HashSeeds& seeds, std::uint32_t slot, std::uint64_t begin_seq, const std::byte* image);
    ~MemoryPart();
    MemoryPart(const MemoryPart&) = delete;
    MemoryPart& operator=(const MemoryPart&) = delete;

    [[nodiscard]] std::uint32_t slot() const { return slot_; }
    [[nodiscard]] std::uint64_t begin_seq() const { return begin_seq_; }
    /// Behind the last event that was added.
    [[nodiscard]] std::uint64_t end_seq() const { return begin_seq_ + offsets_.size(); }

    void add(std::uint64_t seq, std::uint64_t offset, std::uint64_t place) {
        offsets_.prepare(seq - begin_seq_) = static_cast<std::uint32_t>(offset / 8);
        places_.prepare(seq - begin_seq_) = static_cast<std::uint32_t>(place);
    }
    /// The event was removed; its stub is at `stub_offset` of the segment.
    void add_removed(std::uint64_t seq, std::uint64_t stub_offset) {
        offsets_.prepare(seq - begin_seq_) = kRemovedMark | static_cast<std::uint32_t>(stub_offset / 8);
        places_.prepare(seq - begin_seq_) = 0;
    }
    /// Events with seq < end_seq can be looked up from now on.
    void publish(std::uint64_t end_seq) {
        places_.publish(end_seq - begin_seq_);
        offsets_.publish(end_seq - begin_seq_);
    }
    /// A stream has its first event of this part.
    void note_stream(StreamHead* stream) { streams_.push_back(stream); }
    /// Streams with events in this part, in the order of their first one here.
    [[nodiscard]] const PublishedVector<StreamHead*>& streams() const { return streams_; }

    // Requires for these: begin_seq ≤ seq < end_seq.

    [[nodiscard]] bool is_removed(std::uint64_t seq) const { return (offsets_[seq - begin_seq_] & kRemovedMark) != 0; }
    /// Of the event, or of its stub if it was removed.
    [[nodiscard]] std::uint64_t offset(std::uint64_t seq) const {
        return std::uint64_t{offsets_[seq - begin_seq_] & ~kRemovedMark} * 8;
    }
    [[nodiscard]] std::uint64_t place(std::uint64_t seq) const { return places_[seq - begin_seq_]; }
    /// The event, or its stub. Requires also: the segment's bytes are in memory.
    [[nodiscard]] const std::byte* event(std::uint64_t seq) const { return image_ + offset(seq); }
    void prefetch(std::uint64_t seq) const {
        __builtin_prefetch(&offsets_[seq - begin_seq_]);
        __builtin_prefetch(&places_[seq - begin_seq_]);
    }

    [[nodiscard]] Arena& arena() { return arena_; }
    [[nodiscard]] IdTable& ids() { return ids_; }
    [[nodiscard]] const IdTable& ids() const { return ids_; }
    [[nodiscard]] IdTable& batches() { return batches_; }
    [[nodiscard]] const IdTable& batches() const { return batches_; }
    /// Requires: not kEntity, whose lists the stream heads hold.
    [[nodiscard]] PostingMap& map(KeyKind kind) { return *maps_[static_cast<std::size_t>(kind) - 1]; }
    [[nodiscard]] const PostingMap& map(KeyKind kind) const { return *maps_[static_cast<std::size_t>(kind) - 1]; }

    /// Of the event at begin_seq + i. Requires: published.
    [[nodiscard]] std::uint32_t stored_offset(std::uint64_t i) const { return offsets_[i]; }
    [[nodiscard]] std::uint32_t stored_place(std::uint64_t i) const { return places_[i]; }

    [[nodiscard]] std::size_t bytes() const;
    /// The part was dropped, but may live on as long as somebody reads in it: until then its bytes are in `total`.
    void count_as_held(std::shared_ptr<std::atomic<std::uint64_t>> total);

    /// The part behind this one. Who holds an older part holds all newer ones: a chain of chunks leads into them.
    std::shared_ptr<MemoryPart> next;

private:
    const std::uint32_t slot_;
    const std::uint64_t begin_seq_;
    const std::byte* const image_;
    PublishedVector<std::uint32_t> offsets_, places_;
    PublishedVector<StreamHead*> streams_;
    Arena arena_;
    IdTable ids_, batches_;
    std::array<std::unique_ptr<PostingMap>, kKeyKinds - 1> maps_;
    std::uint64_t held_bytes_ = 0;
    std::shared_ptr<std::atomic<std::uint64_t>> held_total_;
};

}  // namespace chronos::index
