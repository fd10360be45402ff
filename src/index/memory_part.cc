#include "index/memory_part.h"

namespace chronos::index {
namespace {

void add_chain(IndexContent::Dictionary& dictionary, IndexedKey key, const PostingCursor::Range& range,
               const PostingChunk* newest) {
    key.first_posting = dictionary.postings.size();
    PostingCursor cursor(newest, range);
    if (!cursor.done()) key.first_place = cursor.get().place;
    for (; !cursor.done(); cursor.next())
        dictionary.postings.push_back(static_cast<std::uint32_t>(cursor.get().seq - range.floor));
    key.count = static_cast<std::uint32_t>(dictionary.postings.size() - key.first_posting);
    if (key.count > 0) dictionary.keys.push_back(key);
}

}  // namespace

MemoryPart::MemoryPart(const HashSeeds& seeds, std::uint32_t slot, std::uint64_t begin_seq, const std::byte* image)
    : slot_(slot), begin_seq_(begin_seq), image_(image), ids_(seeds.ids), batches_(seeds.batches()) {
    for (std::size_t i = 0; i < maps_.size(); ++i)
        maps_[i] = std::make_unique<PostingMap>(seeds.of(static_cast<KeyKind>(i + 1)));
}

IndexContent MemoryPart::collect(const StreamHeads& streams) const {
    IndexContent content;
    content.begin_seq = begin_seq_;
    content.end_seq = end_seq();
    const std::uint64_t count = content.end_seq - content.begin_seq;
    content.offsets.reserve(count);
    content.places.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        content.offsets.push_back(offsets_[i]);
        content.places.push_back(places_[i]);
    }
    const PostingCursor::Range range{.floor = begin_seq_, .begin_seq = begin_seq_, .end_seq = content.end_seq};

    auto& entities = content.dictionaries[static_cast<std::size_t>(KeyKind::kEntity)];
    entities.postings.reserve(count);
    entities.keys.reserve(streams_.size());
    for (std::uint64_t i = 0; i < streams_.size(); ++i) {
        const StreamHead& stream = *streams_[i];
        // The chunk where the stream enters this part tells what came before it.
        const PostingChunk* chunk = stream.newest(begin_seq_);
        std::uint64_t previous_end = 0;
        for (const PostingChunk* at = chunk; at != nullptr; at = at->before(begin_seq_))
            previous_end = at->previous_end_seq;
        add_chain(entities,
                  {.hash = streams.hash(stream.branch(), stream.key()),
                   .key = stream.key(),
                   .branch = stream.branch(),
                   .previous_seq = previous_end == 0 ? kNoSeq : previous_end - 1,
                   .stream_first_seq = stream.first_seq()},
                  range, chunk);
    }
    for (std::size_t kind = 1; kind < kKeyKinds; ++kind) {
        const PostingMap& lists = map(static_cast<KeyKind>(kind));
        for (std::uint64_t i = 0; i < lists.entries().size(); ++i) {
            const PostingList& list = *lists.entries()[i];
            add_chain(content.dictionaries[kind],
                      {.hash = lists.hash(list.branch(), list.key()), .key = list.key(), .branch = list.branch()},
                      range, list.newest());
            if (!content.dictionaries[kind].keys.empty()) content.dictionaries[kind].keys.back().first_place = 0;
        }
    }
    const auto entries = [&](const IdTable& table, std::vector<IndexedId>& out) {
        table.for_all([&](std::uint64_t hash, std::uint64_t seq) {
            out.push_back({hash, static_cast<std::uint32_t>(seq - begin_seq_)});
        });
    };
    entries(ids_, content.ids);
    entries(batches_, content.batches);
    return content;
}

std::size_t MemoryPart::bytes() const {
    std::size_t bytes = (offsets_.size() * 2) * sizeof(std::uint32_t) + streams_.size() * sizeof(void*) +
                        arena_.bytes() + ids_.bytes() + batches_.bytes();
    for (const auto& map : maps_) bytes += map->bytes();
    return bytes;
}

}  // namespace chronos::index
