// The indexes of one database: parts in memory for recent segments, files for older ones, heads of all streams.
//
//     seq:     0 ──────── file ────────┬── file ──┬─ file ─┬────────────── next seq
//     memory:                          └── part ──┴─ part ─┴─ part (grows) ──
//                                      ▲ memory_begin: everything from here on is answered from memory
//
//   in the writer step:  seq → place in the log, entity → seqs, ids → seqs, positions of branches
//   behind it:           type, tag, correlation, causation, actor → seqs, up to `applied_seq`
//
// A read that needs the second kind catches it up to its view first, so it always sees its own commits. Reads go
// through a Reader (reader.h), which holds the parts and files it looks at.
//
// Threads: `apply` under the writer's lock (or alone, at open); `restore` alone, at open; changes of files and parts by
// one thread at a time; `catch_up` and look-ups from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "event/body.h"
#include "event/ids.h"
#include "index/branch_runs.h"
#include "index/index_file.h"
#include "index/memory_part.h"
#include "index/stream_heads.h"
#include "wal/log.h"

namespace chronos::store {

/// An index file and the segments in the open log that it speaks of.
struct FilePart {
    std::shared_ptr<index::IndexFile> file;
    std::vector<wal::Slot> slots;
    /// Images of segments that were rewritten since the log was opened, by place in `slots`; null, or missing: the
    /// slot's. Old parts and their readers know the old images, new ones these.
    std::vector<cache::FileImage*> images;

    [[nodiscard]] cache::FileImage* image(std::size_t i) const { return i < images.size() ? images[i] : nullptr; }
};

/// Exists as long as somebody holds parts of before a change; then says so.
class PartsHeld {
public:
    PartsHeld() = default;
    ~PartsHeld() { are_gone_->store(true, std::memory_order_release); }
    PartsHeld(const PartsHeld&) = delete;
    PartsHeld& operator=(const PartsHeld&) = delete;
    [[nodiscard]] std::shared_ptr<const std::atomic<bool>> are_gone() const { return are_gone_; }

private:
    const std::shared_ptr<std::atomic<bool>> are_gone_ = std::make_shared<std::atomic<bool>>(false);
};

/// What answers, at one moment: files cover [0, files_end), memory parts [memory_begin, …), memory_begin ≤ files_end.
struct IndexParts {
    std::vector<FilePart> files;                             // ascending, without gaps
    std::vector<std::shared_ptr<index::MemoryPart>> memory;  // ascending, without gaps; empty before the first event
    /// Holds all parts to come while there is none.
    std::shared_ptr<index::MemoryPart> anchor;
    std::shared_ptr<const PartsHeld> held = std::make_shared<const PartsHeld>();

    [[nodiscard]] std::uint64_t files_end() const { return files.empty() ? 0 : files.back().file->end_seq(); }
    [[nodiscard]] std::uint64_t memory_begin() const {
        return memory.empty() ? files_end() : memory.front()->begin_seq();
    }
};

class IndexSet {
public:
    /// `secret` seeds the hash tables, so that nobody outside can choose colliding names.
    explicit IndexSet(std::span<const std::byte, 16> secret);

    /// Whose images readers pin; set once, before any Reader. `on_damage`, if given, is told by any thread that a read
    /// met a damaged index file; it must be quick.
    void attach(wal::Log& log, std::function<void()> on_damage = {}) {
        log_ = &log;
        on_damage_ = std::move(on_damage);
    }
    void note_damage() const {
        if (on_damage_) on_damage_();
    }
    [[nodiscard]] wal::Log& log() const { return *log_; }

    /// Hashes of the entities of a body's events, in order: work for the caller's thread.
    void hash_entities(const event::BodyView& body, std::vector<std::uint64_t>& hashes) const;

    /// Indexes a batch that is in its place in the log. `places`, if given, receives each event's 0-based place in its
    /// entity's stream. What the streams of a fork inherit stands in the body.
    void apply(wal::Slot slot, std::uint64_t body_offset, const std::byte* body, std::uint64_t first_seq,
               std::span<const std::uint64_t> entity_hashes, std::vector<std::uint64_t>* places);

    /// The stream exists, with what files say of it, before its next event is applied. Requires: nobody else uses the
    /// set.
    void begin_stream(std::uint64_t hash, event::BranchNumber branch, std::string_view key, std::uint64_t first_seq,
                      std::uint64_t end_seq, std::uint64_t count) {
        streams_.find_or_add(hash, branch, key).restore(first_seq, end_seq, count);
    }
    /// The same for a batch of which only a stub is left. Requires: at open.
    void apply_removed(wal::Slot slot, std::uint64_t stub_offset, const std::byte* stub);
    /// The log goes on in another segment, before there is an event in it. Requires: the writer's lock.
    void begin_part(wal::Slot slot, std::uint64_t next_seq, const std::byte* image) { part_for(slot, next_seq, image); }

    /// Indexes types, tags and metadata of all events with seq < `end_seq`. Requires: they are published.
    void catch_up(std::uint64_t end_seq) const;
    [[nodiscard]] std::uint64_t applied_seq() const { return applied_seq_.load(std::memory_order_acquire); }

    // Files.

    /// Takes over what files know, from the log's begin on; returns how many could be read and go on from each other.
    /// Fewer than all: start again, in a new set, with those. Requires: nothing is known yet, nobody reads.
    [[nodiscard]] std::size_t restore(const std::vector<FilePart>& files);
    /// A file for the oldest memory part that has none; the part stays until it is dropped.
    void add_file(FilePart part);
    /// Other files in place of `count` from `first` on.
    void replace_files(std::size_t first, std::size_t count, std::vector<FilePart> parts);
    /// The file at `index` anew, with other images; memory parts of its segments go. Returns what tells when nobody
    /// holds parts any more that know the images of before.
    ///
    /// Requires: has_part_behind(index).
    std::shared_ptr<const std::atomic<bool>> replace_segments(std::size_t index, FilePart part);
    /// Whether all events of a file are in front of the memory part that grows.
    [[nodiscard]] bool has_part_behind(std::size_t index) const;
    /// The oldest memory part without a file; null when all but the growing one have one.
    [[nodiscard]] std::shared_ptr<index::MemoryPart> oldest_without_file() const;
    /// Lets the oldest memory part go if a file answers for it and a newer part exists; returns whether one went.
    bool drop_oldest_part();
    [[nodiscard]] bool can_drop_part() const;

    [[nodiscard]] std::shared_ptr<const IndexParts> parts() const {
        const std::lock_guard lock(parts_mutex_);
        return parts_;
    }

    // Look-ups that touch no part.

    [[nodiscard]] const index::StreamHeads& streams() const { return streams_; }
    [[nodiscard]] const index::HashSeeds& seeds() const { return seeds_; }
    /// Where the events of a branch are; null while it has none of its own.
    [[nodiscard]] const index::BranchRuns* runs(event::BranchNumber branch) const {
        return branch < runs_.size() ? runs_[branch].load(std::memory_order_acquire) : nullptr;
    }
    /// Behind the highest branch that has events.
    [[nodiscard]] event::BranchNumber branch_end() const { return static_cast<event::BranchNumber>(runs_.size()); }
    [[nodiscard]] std::uint64_t hash(index::KeyKind kind, event::BranchNumber branch, std::string_view key) const {
        return base::xxh3_64(key, seeds_.of(kind) + branch);
    }
    [[nodiscard]] std::uint64_t id_hash(const Uuid& id) const { return base::xxh3_64(id.bytes, seeds_.ids); }
    [[nodiscard]] std::uint64_t batch_hash(const Uuid& id) const { return base::xxh3_64(id.bytes, seeds_.batches()); }

    /// Bytes of heads and of what is known of branches; of memory parts; of parts that were dropped while somebody
    /// reads in them. From any thread.
    [[nodiscard]] std::uint64_t stream_bytes() const {
        return streams_.bytes() + run_bytes_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t part_bytes() const;
    [[nodiscard]] std::uint64_t held_bytes() const { return held_bytes_->load(std::memory_order_relaxed); }

private:
    Status restore_runs(const index::IndexFile& file);
    index::BranchRuns& runs_of(event::BranchNumber branch, std::uint64_t first_position);
    void extend_runs(event::BranchNumber branch, std::uint64_t first_position, std::uint64_t first_seq,
                     std::uint64_t count);
    index::MemoryPart& part_for(wal::Slot slot, std::uint64_t first_seq, const std::byte* image);
    void index_behind(index::MemoryPart& part, std::uint64_t seq) const;
    void change_parts(const std::function<void(IndexParts&)>& change);

    wal::Log* log_ = nullptr;
    std::function<void()> on_damage_;
    const index::HashSeeds seeds_;

    // The writer's; readers stay below the published seq.
    index::StreamHeads streams_;
    index::PublishedVector<std::atomic<index::BranchRuns*>, 512> runs_;  // by branch
    std::vector<std::unique_ptr<index::BranchRuns>> owned_runs_;
    std::atomic<std::uint64_t> run_bytes_ = 0;
    std::shared_ptr<index::MemoryPart> growing_;
    std::shared_ptr<index::MemoryPart> anchor_;  // until there is a part

    mutable std::mutex parts_mutex_;           // held to copy or replace a pointer
    std::shared_ptr<const IndexParts> parts_;  // guarded by parts_mutex_
    std::mutex change_mutex_;                  // held while a next version is made
    const std::shared_ptr<std::atomic<std::uint64_t>> held_bytes_ = std::make_shared<std::atomic<std::uint64_t>>(0);

    // Caches of the log, so catching up is const.
    mutable std::mutex behind_mutex_;
    mutable std::atomic<std::uint64_t> applied_seq_ = 0;
};

}  // namespace chronos::store
