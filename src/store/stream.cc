#include "store/stream.h"

namespace chronos::store {

std::optional<Stream> Stream::find(const IndexSet& indexes, const Layers& layers, std::string_view entity_id) {
    std::optional<Stream> stream;
    const auto all = layers.all();
    for (auto layer = all.rbegin(); layer != all.rend(); ++layer) {
        const auto key = posting_key(indexes, index::KeyKind::kEntity, *layer, entity_id);
        if (!key || key->stream->first_seq() >= layer->end_seq) continue;
        if (stream) {
            stream->older_.insert(stream->older_.begin(), *key);
        } else {
            stream = Stream(*key);
        }
    }
    return stream;
}

std::uint64_t count_below(Reader& reader, const Stream& stream, std::uint64_t end_seq) {
    std::uint64_t count = 0;
    // Places of a fork's events count what it inherits, so the newest piece with an event knows.
    for (std::size_t i = stream.piece_count(); count == 0 && i > 0; --i)
        count = count_below(reader, stream.piece(i - 1), end_seq);
    return count;
}

std::optional<std::uint64_t> seq_at_place(Reader& reader, const Stream& stream, std::uint64_t place) {
    for (std::size_t i = 0; i + 1 < stream.piece_count(); ++i) {
        const PostingKey& piece = stream.piece(i);
        if (place < count_below(reader, piece, piece.end_seq)) return seq_at_place(reader, piece, place);
    }
    return seq_at_place(reader, stream.newest(), place);
}

std::size_t last_seqs(Reader& reader, const Stream& stream, std::uint64_t end_seq, std::span<std::uint64_t> seqs) {
    std::size_t count = 0;
    for (std::size_t i = stream.piece_count(); i > 0 && count < seqs.size(); --i)
        count += last_seqs(reader, stream.piece(i - 1), end_seq, seqs.subspan(count));
    return count;
}

void StreamCursor::enter_next() {
    while (entered_ < stream_.piece_count()) {
        const std::size_t i = range_.forward ? entered_ : stream_.piece_count() - 1 - entered_;
        ++entered_;
        piece_.emplace(reader_, stream_.piece(i), range_);
        if (!piece_->done() || !reader_.ok()) return;
    }
    piece_.reset();
}

}  // namespace chronos::store
