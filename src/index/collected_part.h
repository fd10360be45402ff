// For tests: what a memory part holds, collected plainly; what writing a part as it stands is compared with.
//
// Threads: functions without state.
#pragma once

#include "index/index_content.h"
#include "index/memory_part.h"

namespace chronos::index {

inline void add_chain(IndexContent::Dictionary& dictionary, IndexedKey key, const PostingCursor::Range& range,
                      const PostingChunk* newest) {
    key.first_posting = dictionary.postings.size();
    PostingCursor cursor(newest, range);
    if (!cursor.done()) key.first_place = cursor.get().place;
    for (; !cursor.done(); cursor.next())
        dictionary.postings.push_back(static_cast<std::uint32_t>(cursor.get().seq - range.floor));
    key.count = static_cast<std::uint32_t>(dictionary.postings.size() - key.first_posting);
    if (key.count > 0) dictionary.keys.push_back(key);
}

/// Everything but what is resident. Requires: nothing is added to the part any more and it was caught up.
inline IndexContent collect(const MemoryPart& part, const StreamHeads& streams) {
    IndexContent content;
    content.begin_seq = part.begin_seq();
    content.end_seq = part.end_seq();
    for (std::uint64_t i = 0; i < content.end_seq - content.begin_seq; ++i) {
        content.offsets.push_back(part.stored_offset(i));
        content.places.push_back(part.stored_place(i));
    }
    const PostingCursor::Range range{
        .floor = content.begin_seq, .begin_seq = content.begin_seq, .end_seq = content.end_seq};

    auto& entities = content.dictionaries[static_cast<std::size_t>(KeyKind::kEntity)];
    for (std::uint64_t i = 0; i < streams.entries().size(); ++i) {
        const StreamHead& stream = *streams.entries()[i];
        // The chunk where the stream enters this part tells what came before it.
        const PostingChunk* chunk = stream.newest(content.begin_seq);
        std::uint64_t previous_end = 0;
        for (const PostingChunk* at = chunk; at != nullptr; at = at->before(content.begin_seq))
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
        const PostingMap& lists = part.map(static_cast<KeyKind>(kind));
        for (std::uint64_t i = 0; i < lists.entries().size(); ++i) {
            const PostingList& list = *lists.entries()[i];
            add_chain(content.dictionaries[kind],
                      {.hash = lists.hash(list.branch(), list.key()), .key = list.key(), .branch = list.branch()},
                      range, list.newest());
            if (!content.dictionaries[kind].keys.empty()) content.dictionaries[kind].keys.back().first_place = 0;
        }
    }
    const auto entries = [&](const IdTable& table, std::vector<IndexedId>& out) {
        for (std::size_t shard = 0; shard < IdTable::kShards; ++shard)
            table.for_all_in(shard, [&](std::uint64_t hash, std::uint64_t seq) {
                out.push_back({hash, static_cast<std::uint32_t>(seq - content.begin_seq)});
            });
    };
    entries(part.ids(), content.ids);
    entries(part.batches(), content.batches);
    return content;
}

}  // namespace chronos::index
