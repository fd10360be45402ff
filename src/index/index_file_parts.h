// What an index file is made of, and reading it forward in pieces: for look-ups and the merge.
//
// Threads: parts are immutable after open; a BodyReader belongs to one thread.
#pragma once

#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/id_filter.h"
#include "index/index_file.h"
#include "index/index_format.h"

namespace chronos::index {

struct IndexFile::Parts {
    std::string path;
    std::unique_ptr<cache::ColdFile> file;
    IndexFooter footer;
    IndexLayout layout;
    cache::BlockCrcs block_crcs;
    std::vector<IndexedSegment> segments;
    std::vector<std::uint32_t> log_crcs;
    std::vector<IndexedRun> runs;
    std::vector<TimeStripe> stripes;
    IdFilter id_filter, batch_filter;
    cache::ImageCache* cache = nullptr;
    std::unique_ptr<cache::FileImage> image;  ///< Of the body. Behind `file`, so that it goes first.

    [[nodiscard]] const IndexLayout::Dictionary& dictionary(KeyKind kind) const {
        return layout.dictionaries[static_cast<std::size_t>(kind)];
    }
    /// Bytes that do not check were met: a hint, so that the file is made again.
    mutable std::atomic<bool> is_damaged = false;

    /// Notes the damage as well.
    [[nodiscard]] Error corrupt(std::string_view what) const;
    /// Reads and checks whole blocks of the body, past the cache. Requires: `offset` is where a
    /// block begins; `out` ends with a block or with the body.
    Status read_blocks(std::uint64_t offset, std::span<std::byte> out) const;
};

/// Pins the body while a look-up reads it. The cache could not take blocks of this file to make
/// room for those that were loaded, so it is asked to once they are free.
class BodyPin {
public:
    explicit BodyPin(const IndexFile::Parts& parts, Access access = Access::kDisk) : parts_(parts), access_(access) {
        parts_.image->pin();
    }
    ~BodyPin() {
        parts_.image->unpin();
        if (has_loaded_) parts_.cache->trim();
    }
    BodyPin(const BodyPin&) = delete;
    BodyPin& operator=(const BodyPin&) = delete;

    Status load(std::uint64_t begin, std::uint64_t end) {
        if (parts_.image->is_loaded(begin, end)) return {};
        if (access_ == Access::kMemory)
            return base::fail(ErrorCode::kWouldBlock, "a part of the index is not in memory");
        has_loaded_ = true;
        Status loaded = parts_.image->load(begin, end);
        if (!loaded.ok() && loaded.error().code == ErrorCode::kCorrupt) parts_.is_damaged = true;
        return loaded;
    }
    /// Makes entry `index` of a section readable, as long as this lives, and tells where it is.
    Status load(const Section& section, std::uint64_t index, const std::byte*& entry) {
        const std::uint64_t offset = section.at(index);
        entry = parts_.image->data() + offset;
        return load(offset, offset + section.entry_size);
    }

private:
    const IndexFile::Parts& parts_;
    const Access access_;
    bool has_loaded_ = false;
};

/// An entry of a dictionary, checked: its key and its list lie in their sections, its seqs in the
/// file.
struct KeyRecord {
    StoredKey key;
    StoredStream stream;

    [[nodiscard]] FileList list(std::uint64_t begin_seq) const;
};
/// Errors: kCorrupt.
Status decode_key(const IndexFile::Parts& parts, KeyKind kind, const std::byte* from, KeyRecord& record);

/// Reads bytes of the body forward, checked, in pieces that it holds itself: it pins nothing while
/// its caller works, and does not push other blocks out of the cache.
class BodyReader {
public:
    /// Of [section.offset, section.end()), `piece_size` bytes at a time.
    BodyReader(const IndexFile::Parts& parts, const Section& section, std::size_t piece_size);

    [[nodiscard]] std::uint64_t left() const { return end_ - at_; }
    /// Makes the next `size` bytes ready. Requires: size <= left().
    Status need(std::size_t size) {
        if (size == 0 || at_ + size <= piece_end_) return {};
        return fill(size);
    }
    /// Goes `size` bytes on. Requires: they are ready. What is returned is valid until the next
    /// `need`.
    const std::byte* take(std::size_t size) {
        const std::byte* bytes = piece_.data() + (size == 0 ? 0 : at_ - piece_begin_);
        at_ += size;
        return bytes;
    }
    /// How many bytes are ready; at least 1 after `need(1)`.
    [[nodiscard]] std::size_t ready() const { return std::min(end_, piece_end_) - at_; }

private:
    Status fill(std::size_t size);

    const IndexFile::Parts& parts_;
    std::uint64_t at_, end_;
    io::AlignedBuffer piece_;
    std::uint64_t piece_begin_ = 0, piece_end_ = 0;
};

/// Walks the keys of a dictionary in the order of the file, checked: the order too, and that
/// nothing lies between the keys or between their lists.
class KeyCursor {
public:
    KeyCursor(const IndexFile::Parts& parts, KeyKind kind, std::size_t piece_size);

    /// Goes to the next, or the first; afterwards there is one unless `done`.
    Status next();
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] const KeyRecord& record() const { return record_; }
    /// Valid until `next`.
    [[nodiscard]] std::string_view key() const { return key_; }
    [[nodiscard]] bool is_before(const KeyCursor& other) const {
        const StoredKey& a = record_.key;
        const StoredKey& b = other.record_.key;
        if (a.hash != b.hash) return a.hash < b.hash;
        return a.branch != b.branch ? a.branch < b.branch : key_ < other.key_;
    }

private:
    const IndexFile::Parts& parts_;
    const KeyKind kind_;
    BodyReader keys_, key_bytes_;
    std::uint64_t left_;
    bool done_ = false;
    KeyRecord record_;
    std::string_view key_;
    std::string previous_key_;  // kept only while the next might have the same hash
    std::uint64_t next_offset_ = 0, next_posting_ = 0;
};

}  // namespace chronos::index
