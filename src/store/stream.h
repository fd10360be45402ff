// The events of one entity in a view: those of its stream in each layer, one after the other.
//
//     main   1 2 3 4 5 │ 6 7      Versions go on in a fork where the parent's are at the fork position, so a stream is
//     a fork             └ 6 7 8    sequence of pieces whose places follow each other.
//
// Threads: as the Reader it works with. Errors go to the reader's status; then a cursor is done.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "store/seq_cursor.h"

namespace chronos::store {

class Stream {
public:
    /// Nothing for an entity without events in the layers.
    static std::optional<Stream> find(const IndexSet& indexes, const Layers& layers, std::string_view entity_id);

    [[nodiscard]] std::size_t piece_count() const { return 1 + older_.size(); }
    /// Oldest first.
    [[nodiscard]] const PostingKey& piece(std::size_t i) const { return i < older_.size() ? older_[i] : newest_; }
    [[nodiscard]] const PostingKey& newest() const { return newest_; }

private:
    explicit Stream(const PostingKey& newest) : newest_(newest) {}

    // Nearly always there is one piece, which needs no memory of its own.
    PostingKey newest_;
    std::vector<PostingKey> older_;
};

/// As the functions of these names in seq_cursor.h.
std::uint64_t count_below(Reader& reader, const Stream& stream, std::uint64_t end_seq);
std::optional<std::uint64_t> seq_at_place(Reader& reader, const Stream& stream, std::uint64_t place);
std::size_t last_seqs(Reader& reader, const Stream& stream, std::uint64_t end_seq, std::span<std::uint64_t> seqs);

/// Walks the pieces of a stream.
class StreamCursor {
public:
    StreamCursor(Reader& reader, const Stream& stream, const SeqCursor::Range& range)
        : reader_(reader), stream_(stream), range_(range) {
        enter_next();
    }
    [[nodiscard]] bool done() const { return !piece_ || piece_->done(); }
    [[nodiscard]] std::uint64_t get() const { return piece_->get(); }
    void next() {
        piece_->next();
        if (piece_->done()) enter_next();
    }

private:
    void enter_next();

    Reader& reader_;
    const Stream& stream_;
    const SeqCursor::Range range_;
    std::size_t entered_ = 0;  // pieces so far
    std::optional<SeqCursor> piece_;
};

}  // namespace chronos::store
