#include "index/part_writer.h"

#include <algorithm>
#include <array>
#include <span>

#include "index/write_source.h"
#include "io/aligned_buffer.h"

namespace chronos::index {
namespace {

/// Keys whose misses of the processor's cache overlap: their entries first, then their chunks.
constexpr std::size_t kEntriesAhead = 16;
constexpr std::size_t kChunksAhead = 8;

/// The lists of one kind, sorted. Entry is StreamHead or PostingList.
template <typename Entry>
class PartDictionary {
public:
    PartDictionary(std::uint64_t begin_seq, std::uint64_t entry_count)
        : begin_seq_(begin_seq), memory_(entry_count * sizeof(Item)) {}

    /// `newest` is the list's newest chunk in the part.
    void add(std::uint64_t hash, const Entry& entry, const PostingChunk& newest) {
        items()[size_++] = {hash, &entry, &newest};
    }
    void sort() {
        std::sort(items(), items() + size_, [](const Item& a, const Item& b) {
            if (a.hash != b.hash) return a.hash < b.hash;
            return a.entry->branch() != b.entry->branch() ? a.entry->branch() < b.entry->branch()
                                                          : a.entry->key() < b.entry->key();
        });
    }

    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::string_view text(std::size_t i) const {
        prefetch_entry(i);
        return items()[i].entry->key();
    }
    [[nodiscard]] KeyToWrite key(std::size_t i) const {
        prefetch_entry(i);
        prefetch_chunk(i);
        const Item& item = items()[i];
        const PostingChunk* oldest = item.newest;
        while (const PostingChunk* before = oldest->before(begin_seq_)) oldest = before;
        const std::uint32_t newest_size = item.newest->size();
        KeyToWrite key{.hash = item.hash,
                       .key = item.entry->key(),
                       .branch = item.entry->branch(),
                       .count = item.newest->first_place + newest_size - oldest->first_place,
                       .first_delta = static_cast<std::uint32_t>(oldest->base_seq - begin_seq_),
                       .last_delta = static_cast<std::uint32_t>(item.newest->seq(newest_size - 1) - begin_seq_),
                       .stream = {}};
        if constexpr (std::is_same_v<Entry, StreamHead>)
            // The chunk where the stream enters this part tells what came before it.
            key.stream = {.first_place = oldest->first_place,
                          .previous_seq = oldest->previous_end_seq == 0 ? kNoSeq : oldest->previous_end_seq - 1,
                          .first_seq = item.entry->first_seq()};
        return key;
    }
    void append_postings(std::size_t i, IndexFileWriter& out) const {
        prefetch_chunk(i);
        chunks_.clear();
        for (const PostingChunk* chunk = items()[i].newest; chunk != nullptr; chunk = chunk->before(begin_seq_))
            chunks_.push_back(chunk);
        for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend(); ++chunk) {
            const auto base = static_cast<std::uint32_t>((*chunk)->base_seq - begin_seq_);
            for (std::uint32_t k = 0; k < (*chunk)->size(); ++k) out.append_value(base + (*chunk)->deltas()[k]);
        }
    }

private:
    struct Item {
        std::uint64_t hash;
        const Entry* entry;
        const PostingChunk* newest;
    };
    [[nodiscard]] Item* items() { return reinterpret_cast<Item*>(memory_.data()); }
    [[nodiscard]] const Item* items() const { return reinterpret_cast<const Item*>(memory_.data()); }
    void prefetch_entry(std::size_t i) const {
        if (i + kEntriesAhead < size_) __builtin_prefetch(items()[i + kEntriesAhead].entry);
    }
    void prefetch_chunk(std::size_t i) const {
        if (i + kChunksAhead < size_) __builtin_prefetch(items()[i + kChunksAhead].newest);
    }

    const std::uint64_t begin_seq_;
    io::AlignedBuffer memory_;  // not from the heap, so that it goes back to the system at once
    std::size_t size_ = 0;
    mutable std::vector<const PostingChunk*> chunks_;
};

/// Ids in the order of their hashes, a shard of the table at a time.
class PartIds {
public:
    PartIds(const IdTable& table, std::uint64_t begin_seq)
        : table_(table), begin_seq_(begin_seq), size_(table.size()) {}

    [[nodiscard]] std::size_t size() const { return size_; }
    template <typename Visit>
    void for_each(Visit&& visit) const {
        std::vector<IndexedId> ids;
        for (std::size_t shard = 0; shard < IdTable::kShards; ++shard) {
            ids.clear();
            table_.for_all_in(shard, [&](std::uint64_t hash, std::uint64_t seq) {
                ids.push_back({hash, static_cast<std::uint32_t>(seq - begin_seq_)});
            });
            std::sort(ids.begin(), ids.end(), [](const IndexedId& a, const IndexedId& b) {
                return a.hash != b.hash ? a.hash < b.hash : a.delta < b.delta;
            });
            for (const IndexedId& id : ids) visit(id.hash, id.delta);
        }
    }

private:
    const IdTable& table_;
    const std::uint64_t begin_seq_;
    const std::size_t size_;
};

class PartSource {
public:
    PartSource(const MemoryPart& part, const StreamHeads& streams, const IndexResident& resident)
        : part_(part), streams_(streams), resident_(resident), event_count_(part.end_seq() - part.begin_seq()) {}

    [[nodiscard]] std::uint64_t begin_seq() const { return part_.begin_seq(); }
    [[nodiscard]] std::uint64_t end_seq() const { return part_.begin_seq() + event_count_; }
    [[nodiscard]] const IndexResident& resident() const { return resident_; }
    void append_offsets(IndexFileWriter& out) const {
        for (std::uint64_t i = 0; i < event_count_; ++i) out.append_value(part_.stored_offset(i));
    }
    void append_places(IndexFileWriter& out) const {
        for (std::uint64_t i = 0; i < event_count_; ++i) out.append_value(part_.stored_place(i));
    }

    /// Calls `write` with the sorted lists of a kind.
    template <typename Write>
    auto with_dictionary(KeyKind kind, Write&& write) const {
        return kind == KeyKind::kEntity ? write(entities()) : write(lists(part_.map(kind)));
    }
    [[nodiscard]] PartIds ids() const { return {part_.ids(), begin_seq()}; }
    [[nodiscard]] PartIds batches() const { return {part_.batches(), begin_seq()}; }

private:
    [[nodiscard]] PartDictionary<StreamHead> entities() const {
        const auto& streams = part_.streams();
        PartDictionary<StreamHead> dictionary(begin_seq(), streams.size());
        for (std::uint64_t i = 0; i < streams.size(); ++i) {
            if (i + kEntriesAhead < streams.size()) __builtin_prefetch(streams[i + kEntriesAhead]);
            const StreamHead& stream = *streams[i];
            const PostingChunk* chunk = stream.newest(begin_seq());
            // Those of newer parts come first; every part begins its own.
            while (chunk != nullptr && chunk->base_seq >= end_seq()) chunk = chunk->before(begin_seq());
            ASSERT(chunk != nullptr);
            dictionary.add(streams_.hash(stream.branch(), stream.key()), stream, *chunk);
        }
        dictionary.sort();
        return dictionary;
    }
    [[nodiscard]] PartDictionary<PostingList> lists(const PostingMap& map) const {
        const auto& entries = map.entries();
        PartDictionary<PostingList> dictionary(begin_seq(), entries.size());
        for (std::uint64_t i = 0; i < entries.size(); ++i) {
            const PostingList& list = *entries[i];
            if (list.newest() != nullptr) dictionary.add(map.hash(list.branch(), list.key()), list, *list.newest());
        }
        dictionary.sort();
        return dictionary;
    }

    const MemoryPart& part_;
    const StreamHeads& streams_;
    const IndexResident& resident_;
    const std::uint64_t event_count_;
};

}  // namespace

Result<std::string> write_part_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                    const MemoryPart& part, const StreamHeads& streams, const IndexResident& resident) {
    return write_source(files, directory, database, PartSource(part, streams, resident));
}

std::uint64_t part_file_working_bytes(const MemoryPart& part) {
    std::uint64_t keys = part.streams().size();
    for (std::size_t kind = 1; kind < kKeyKinds; ++kind)
        keys = std::max(keys, part.map(static_cast<KeyKind>(kind)).entries().size());
    const std::uint64_t ids = part.ids().size() + part.batches().size();
    constexpr std::uint64_t kItemSize = 3 * sizeof(void*);
    return keys * kItemSize + filter_lines(ids) * kFilterLineSize + ids / IdTable::kShards * 2 * sizeof(IndexedId) +
           (std::uint64_t{2} << 20);
}

}  // namespace chronos::index
