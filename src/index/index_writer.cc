// Writing what a part of the index holds as one file. Format: docs/formats/index.md.
#include <algorithm>
#include <functional>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file.h"
#include "index/index_file_writer.h"

namespace chronos::index {
namespace {

/// What cannot be written: a reader would refuse it.
void check(const IndexContent& content) {
    const std::uint64_t events = content.end_seq - content.begin_seq;
    ASSERT(content.begin_seq <= content.end_seq && events <= kIndexFileEventsMax);
    ASSERT(content.offsets.size() == events && content.places.size() == events);
    ASSERT(content.stripes.size() == stripe_count(content.begin_seq, content.end_seq));
    ASSERT(!content.segments.empty());

    std::uint64_t next_seq = content.begin_seq;
    std::uint64_t next_crc = 0;
    for (const IndexedSegment& segment : content.segments) {
        ASSERT(segment.first_seq == next_seq && segment.first_seq <= segment.end_seq &&
               segment.first_block_crc == next_crc);
        next_seq = segment.end_seq;
        next_crc += (segment.end_offset + cache::kImageBlockSize - 1) / cache::kImageBlockSize;
    }
    ASSERT(next_seq == content.end_seq && next_crc == content.block_crcs.size());

    next_seq = content.begin_seq;
    for (const IndexedRun& run : content.runs) {
        ASSERT(run.first_seq == next_seq && run.count > 0 && run.zero == 0);
        next_seq += run.count;
    }
    ASSERT(next_seq == content.end_seq);
}

/// The keys in the order of the file, by index. Sorts by hash first, as comparing keys would miss
/// the cache.
std::vector<std::uint32_t> order_of(std::span<const IndexedKey> keys) {
    struct Entry {
        std::uint64_t hash;
        std::uint32_t index;
    };
    std::vector<Entry> entries(keys.size());
    for (std::uint32_t i = 0; i < keys.size(); ++i) entries[i] = {keys[i].hash, i};
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
        if (a.hash != b.hash) return a.hash < b.hash;
        const IndexedKey& left = keys[a.index];
        const IndexedKey& right = keys[b.index];
        return left.branch != right.branch ? left.branch < right.branch : left.key < right.key;
    });
    std::vector<std::uint32_t> order(keys.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = entries[i].index;
    return order;
}

void check(const IndexContent& content, KeyKind kind, const IndexedKey& key) {
    const IndexContent::Dictionary& dictionary = content.dictionaries[static_cast<std::size_t>(kind)];
    ASSERT(key.count > 0 && key.key.size() <= kKeySizeMax);
    ASSERT(key.first_posting <= dictionary.postings.size() &&
           key.count <= dictionary.postings.size() - key.first_posting);
    const std::span postings = std::span(dictionary.postings).subspan(key.first_posting, key.count);
    ASSERT(std::adjacent_find(postings.begin(), postings.end(), std::greater_equal<>()) == postings.end());
    ASSERT(postings.back() < content.end_seq - content.begin_seq);
    if (kind != KeyKind::kEntity) return;
    ASSERT(key.previous_seq == kNoSeq || key.previous_seq < content.begin_seq);
    ASSERT(key.stream_first_seq <= content.begin_seq + postings.front());
}

IndexFooter::Dictionary write(IndexFileWriter& out, const IndexContent& content, KeyKind kind) {
    const IndexContent::Dictionary& dictionary = content.dictionaries[static_cast<std::size_t>(kind)];
    ASSERT(dictionary.keys.size() <= kIndexFileEventsMax);
    const std::vector<std::uint32_t> order = order_of(dictionary.keys);
    IndexFooter::Dictionary counts{.key_count = order.size()};
    for (const std::uint32_t index : order) {
        const IndexedKey& key = dictionary.keys[index];
        check(content, kind, key);
        out.append_value(StoredKey{.hash = key.hash,
                                   .offset_and_size = counts.key_bytes << 16 | key.key.size(),
                                   .first_posting = counts.posting_count,
                                   .branch = key.branch,
                                   .count = key.count,
                                   .first_delta = dictionary.postings[key.first_posting],
                                   .last_delta = dictionary.postings[key.first_posting + key.count - 1]});
        if (kind == KeyKind::kEntity)
            out.append_value(StoredStream{
                .first_place = key.first_place, .previous_seq = key.previous_seq, .first_seq = key.stream_first_seq});
        counts.key_bytes += key.key.size();
        counts.posting_count += key.count;
    }
    out.end_section();
    for (const std::uint32_t index : order) out.append(base::as_bytes(dictionary.keys[index].key));
    out.end_section();
    for (const std::uint32_t index : order) {
        const IndexedKey& key = dictionary.keys[index];
        out.append_values(std::span(dictionary.postings).subspan(key.first_posting, key.count));
    }
    out.end_section();
    return counts;
}

IdFilter write(IndexFileWriter& out, std::vector<IndexedId> ids, std::uint64_t events) {
    std::sort(ids.begin(), ids.end(), [](const IndexedId& a, const IndexedId& b) {
        return a.hash != b.hash ? a.hash < b.hash : a.delta < b.delta;
    });
    IdFilter filter(ids.size());
    for (const IndexedId& id : ids) {
        ASSERT(id.delta < events);
        out.append_value(id.hash);
        out.append_value(id.delta);
        filter.add(id.hash);
    }
    out.end_section();
    return filter;
}

}  // namespace

Result<std::string> write_index_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                     const IndexContent& content) {
    check(content);
    const std::string name = index_file_name(content.segments.front().number, content.segments.back().number);
    ASSIGN_OR_RETURN(const auto out, IndexFileWriter::create(files, directory, name));
    IndexFooter footer{.database = database, .begin_seq = content.begin_seq, .end_seq = content.end_seq};
    out->append_values(std::span(content.offsets));
    out->end_section();
    out->append_values(std::span(content.places));
    out->end_section();
    for (std::size_t kind = 0; kind < kKeyKinds; ++kind) {
        footer.dictionaries[kind] = write(*out, content, static_cast<KeyKind>(kind));
        RETURN_IF_ERROR(out->status());
    }
    footer.id_count = content.ids.size();
    footer.batch_count = content.batches.size();
    const IdFilter id_filter = write(*out, content.ids, footer.event_count());
    const IdFilter batch_filter = write(*out, content.batches, footer.event_count());
    return out->finish(footer, {.segments = content.segments,
                                .log_crcs = content.block_crcs,
                                .runs = content.runs,
                                .stripes = content.stripes,
                                .id_filter = &id_filter,
                                .batch_filter = &batch_filter});
}

}  // namespace chronos::index
