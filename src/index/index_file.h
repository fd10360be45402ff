// Index files: the index of one sealed segment, or of several that follow each other. Format: docs/formats/index.md.
//
// An index file is derived: it can be deleted at any time the store is closed, and one that is damaged, missing or of
// other segments than those of the manifest is not used; the log is read instead. A checkpoint is nothing more than the
// chain of index files from the first segment on.
//
//     000001-000008.idx   000009-000009.idx   000010-000010.idx        written once, renamed into place, never changed
//
// Threads: an IndexFile is immutable; all methods from any thread. Look-ups pin what they read while they read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/file_image.h"
#include "cache/image_cache.h"
#include "chronos/types.h"
#include "index/index_content.h"
#include "io/file_system.h"

namespace chronos::index {

/// What the name of an index file says; the file itself says it again.
struct IndexFileName {
    std::uint32_t first_segment = 0, last_segment = 0;
    std::uint32_t revision = 0;  ///< How often it was rewritten.

    friend auto operator<=>(const IndexFileName&, const IndexFileName&) = default;
};
/// "000001-000008.idx"; "000001-000008-1.idx" for one that was rewritten.
std::string index_file_name(const IndexFileName& name);
/// Nothing for other names.
std::optional<IndexFileName> parse_index_file_name(std::string_view name);

/// A key's postings in one file.
struct FileList {
    std::uint64_t first_posting = 0;
    std::uint32_t count = 0;
    std::uint64_t first_place = 0;
    std::uint64_t previous_seq = kNoSeq;
    std::uint64_t first_seq = 0, last_seq = 0;  ///< Of this file's part.
};

/// Where a look-up may go for what it needs.
enum class Access : std::uint8_t {
    kDisk,
    kMemory,  ///< What would have to be read is an error kWouldBlock.
};

class IndexFile {
public:
    /// Opens and checks what is small: header, segments, checksums, runs, filters. The rest is checked as it is read.
    ///
    /// Errors: kCorrupt, kUnsupported, kNotFound, kIo. A file with any of them is not used.
    static Result<std::shared_ptr<IndexFile>> open(io::FileSystem& files, cache::ImageCache& cache,
                                                   const std::string& path, const Uuid& database);
    ~IndexFile();
    IndexFile(const IndexFile&) = delete;
    IndexFile& operator=(const IndexFile&) = delete;

    [[nodiscard]] std::uint64_t begin_seq() const;
    [[nodiscard]] std::uint64_t end_seq() const;
    [[nodiscard]] const std::vector<IndexedSegment>& segments() const;
    [[nodiscard]] const std::vector<IndexedRun>& runs() const;
    [[nodiscard]] const std::vector<TimeStripe>& stripes() const;
    /// Checksums of the blocks of `segments()[i]`.
    [[nodiscard]] std::span<const std::uint32_t> block_crcs(std::size_t i) const;
    [[nodiscard]] const std::string& path() const;
    [[nodiscard]] std::uint64_t file_size() const;
    /// Bytes that stay in memory as long as the file is open (filters, checksums, stripes).
    [[nodiscard]] std::uint64_t resident_bytes() const;

    // Look-ups. Errors of all: kCorrupt naming the file, kIo; with Access::kMemory kWouldBlock.

    /// Where events are. `seqs` in any order, all in [begin_seq, end_seq). Offsets are in units of 8 within the event's
    /// segment; `segment_of(seq)` tells which. Those of removed events have kRemovedMark. That an event is there is for
    /// the reader of the segment to check.
    Status locate(std::span<const std::uint64_t> seqs, std::uint32_t* offsets, std::uint32_t* places,
                  Access access = Access::kDisk) const;
    /// Index in `segments()` of the segment that holds `seq`.
    [[nodiscard]] std::size_t segment_of(std::uint64_t seq) const;

    Result<std::optional<FileList>> find(KeyKind kind, std::uint64_t hash, event::BranchNumber branch,
                                         std::string_view key, Access access = Access::kDisk) const;
    /// Postings [first, first + seqs.size()) of a list, as seqs. Requires: `list` is of this file and `kind`, and so
    /// long.
    Status read(KeyKind kind, const FileList& list, std::uint32_t first, std::span<std::uint64_t> seqs,
                Access access = Access::kDisk) const;
    /// How many of a list's postings are below `end_seq`.
    Result<std::uint32_t> count_below(KeyKind kind, const FileList& list, std::uint64_t end_seq,
                                      Access access = Access::kDisk) const;

    /// Calls `visit(key, list)` for each key of a kind, in the order of hashes, until it returns false; the key is
    /// valid during the call. Reads in large pieces.
    struct KeyEntry {
        std::uint64_t hash = 0;
        std::string_view key;
        event::BranchNumber branch = 0;
        std::uint64_t stream_first_seq = kNoSeq;
        FileList list;
    };
    Status for_each_key(KeyKind kind, const std::function<bool(const KeyEntry&)>& visit) const;
    [[nodiscard]] std::uint64_t key_count(KeyKind kind) const;

    /// Calls `visit(seq)` for each entry whose hash is `hash`, until it returns true. A filter answers most misses
    /// without reading anything.
    Status for_each_id(std::uint64_t hash, const std::function<bool(std::uint64_t seq)>& visit) const;
    /// Brings near what for_each_id asks first; for groups of ids.
    void prefetch_id(std::uint64_t hash) const;
    Status for_each_batch(std::uint64_t hash, const std::function<bool(std::uint64_t seq)>& visit) const;

    /// Loads and checks every block, without keeping more in memory than the cache allows.
    /// `yield`, if given, is called now and then; an error of it ends the check.
    Status verify(const std::function<Status()>& yield = {}) const;

    /// Whether a look-up, a merge or `verify` met damage in it. It stays so; whoever keeps files makes it again.
    [[nodiscard]] bool is_damaged() const;
    /// The file's name may go, or be given to another: readers of this one go on. Errors: kIo.
    Status keep_open();

    /// What the file is made of, for the merge: index/index_file_parts.h.
    struct Parts;
    [[nodiscard]] const Parts& parts() const { return *parts_; }

    explicit IndexFile(std::unique_ptr<Parts> parts);

private:
    std::unique_ptr<Parts> parts_;
};

/// The keys of one kind in the order of their hashes, as for_each_key, but so far at a time: several files can be
/// walked side by side.
class KeyWalk {
public:
    /// Requires: the file outlives the walk.
    KeyWalk(const IndexFile& file, KeyKind kind);
    ~KeyWalk();
    KeyWalk(KeyWalk&&) noexcept;
    KeyWalk& operator=(KeyWalk&&) = delete;

    /// Goes on with the keys whose hash is at most `last_hash`. Errors: kCorrupt naming the file, kIo; those of visit.
    Status visit_upto(std::uint64_t last_hash, const std::function<Status(const IndexFile::KeyEntry&)>& visit);

private:
    std::unique_ptr<class KeyCursor> cursor_;  // null until the first visit
    const IndexFile* file_;
    KeyKind kind_;
};

/// Writes `content` into `directory` (of index files) under its final name; durable when it returns. A file of that
/// name is replaced. Returns its path.
///
/// Errors: kNoSpace (nothing is left behind), kIo.
Result<std::string> write_index_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                     const IndexContent& content);

/// What of a file's segments is gone.
struct IndexEdit {
    /// Events that were removed, ascending: all of those segments that were rewritten.
    struct Removed {
        std::uint64_t first_seq = 0;
        std::uint32_t count = 0;
        event::BranchNumber branch = 0;
        std::uint64_t stub_offset = 0;
    };
    std::vector<Removed> removed;
    /// As the file is to list them, and the checksums of their blocks.
    std::vector<IndexedSegment> segments;
    std::vector<std::uint32_t> block_crcs;
};

/// Writes `file` anew under the next revision of its name: what it said of removed events is gone, but for their place
/// in the order of positions and times. Durable when it returns; returns its path.
///
/// Errors: kCorrupt, kNoSpace, kIo, those of yield: nothing is left behind.
Result<std::string> rewrite_index_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                       const IndexFile& file, const IndexEdit& edit,
                                       const std::function<Status()>& yield);

/// Writes one file in place of several that follow each other; reads and writes in pieces, holding little in memory.
/// `yield` is called now and then and may do other work; an error of it ends the merge and nothing is left behind.
///
/// Requires: the parts follow each other.
/// Errors: kCorrupt, kNoSpace, kIo, those of yield; kLimitExceeded for more than kIndexFileEventsMax events.
Result<std::string> merge_index_files(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                      std::span<const std::shared_ptr<IndexFile>> parts,
                                      const std::function<Status()>& yield);
/// Bytes that merge_index_files takes at most while it runs.
std::uint64_t merge_working_bytes(std::span<const std::shared_ptr<IndexFile>> parts);

}  // namespace chronos::index
