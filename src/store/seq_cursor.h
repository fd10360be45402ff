// The events of one key, ascending or descending, across index files and memory parts; and what is known of a stream.
//
// Threads: as the Reader it works with. Errors go to the reader's status; then a cursor is done.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/posting_chunk.h"
#include "store/layers.h"
#include "store/reader.h"

namespace chronos::store {

/// What postings are looked up by; the text lives as long as its owner.
///
/// A key in a view of a fork is several: one for each layer, ending where the layer does.
struct PostingKey {
    index::KeyKind kind = index::KeyKind::kType;
    event::BranchNumber branch = event::kMainBranch;
    std::string_view key;
    std::uint64_t hash = 0;
    const index::StreamHead* stream = nullptr;  ///< kEntity only.
    std::uint64_t end_seq = ~std::uint64_t{0};  ///< What is not below it does not count.
};

/// A key of a kind in one layer; nothing for an entity without events there.
std::optional<PostingKey> posting_key(const IndexSet& indexes, index::KeyKind kind, const Layer& layer,
                                      std::string_view key);
/// The same in every layer that may have it, oldest first: seqs of one are below those of the next.
void add_posting_keys(const IndexSet& indexes, index::KeyKind kind, const Layers& layers, std::string_view key,
                      std::vector<PostingKey>& keys);

/// Entries below `end_seq`, on a fork those of an entity with what it inherits; for other kinds than entities only of
/// what was caught up.
std::uint64_t count_below(Reader& reader, const PostingKey& key, std::uint64_t end_seq);

/// The seq of an entity's event at a 0-based place; nothing if it has not so many.
std::optional<std::uint64_t> seq_at_place(Reader& reader, const PostingKey& key, std::uint64_t place);

/// The last entries below `end_seq`, newest first, as many as `seqs` has room for; returns how many there are.
/// Cost: no allocation; one look-up for each file that is needed.
std::size_t last_seqs(Reader& reader, const PostingKey& key, std::uint64_t end_seq, std::span<std::uint64_t> seqs);

/// The keys of a kind (not entities) in any of the layers that start with `prefix`, sorted. Errors: the reader's.
std::vector<std::string> keys_with_prefix(Reader& reader, index::KeyKind kind, const Layers& layers,
                                          std::string_view prefix);

class SeqCursor {
public:
    struct Range {
        std::uint64_t begin_seq = 0;
        std::uint64_t end_seq = 0;
        bool forward = true;
    };
    SeqCursor(Reader& reader, const PostingKey& key, const Range& range);

    [[nodiscard]] bool done() const { return at_ == buffer_.size(); }
    [[nodiscard]] std::uint64_t get() const { return buffer_[at_]; }
    void next() {
        if (++at_ == buffer_.size()) refill();
    }

private:
    enum class Side : std::uint8_t { kFiles, kMemory, kNone };

    void refill();
    bool enter_next();
    bool enter_file();
    bool enter_memory();
    void take_from_list();
    void take_from_memory();

    Reader& reader_;
    const PostingKey key_;
    const Range range_;
    std::vector<std::uint64_t> buffer_;
    std::size_t at_ = 0;
    Side side_ = Side::kNone;

    // Where the walk goes on. Forward: files, then memory; backward the other way round.
    std::size_t next_file_ = 0;  // index, or one more than it when walking backward
    std::size_t next_part_ = 0;  // the same, of memory parts; a stream has one step for all
    bool files_are_done_ = false;
    bool memory_is_done_ = false;

    const index::IndexFile* file_ = nullptr;
    index::FileList list_;
    std::uint32_t list_begin_ = 0, list_end_ = 0;
    std::optional<index::PostingCursor> memory_;
};

}  // namespace chronos::store
