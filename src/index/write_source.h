// An index file from something that can tell its sections in order; private to the writers. Format:
// docs/formats/index.md.
//
// A Source has
//     begin_seq(), end_seq(), resident()
//     append_offsets(out), append_places(out)
//     with_dictionary(kind, write)    calls write with the sorted lists: size(); key(i) → KeyToWrite; text(i), its key;
//                                     append_postings(i, out)
//     ids(), batches()    size(); for_each(visit(hash, delta)), in the order of the file
//
// Threads: functions without state.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "index/index_content.h"
#include "index/index_file.h"
#include "index/index_file_writer.h"
#include "index/index_format.h"

namespace chronos::index {

/// An entry of a dictionary on its way into a file.
struct KeyToWrite {
    std::uint64_t hash = 0;
    std::string_view key;
    event::BranchNumber branch = 0;
    std::uint32_t count = 0;
    std::uint32_t first_delta = 0;
    std::uint32_t last_delta = 0;
    StoredStream stream;  ///< Entities only.
};

/// What cannot be written: a reader would refuse it.
inline void check(const IndexResident& resident, std::uint64_t begin_seq, std::uint64_t end_seq) {
    ASSERT(begin_seq <= end_seq && end_seq - begin_seq <= kIndexFileEventsMax);
    ASSERT(resident.stripes.size() == stripe_count(begin_seq, end_seq));
    ASSERT(!resident.segments.empty());

    std::uint64_t next_seq = begin_seq;
    std::uint64_t next_crc = 0;
    for (const IndexedSegment& segment : resident.segments) {
        ASSERT(segment.first_seq == next_seq && segment.first_seq <= segment.end_seq &&
               segment.first_block_crc == next_crc);
        next_seq = segment.end_seq;
        next_crc += (segment.end_offset + cache::kImageBlockSize - 1) / cache::kImageBlockSize;
    }
    ASSERT(next_seq == end_seq && next_crc == resident.block_crcs.size());

    next_seq = begin_seq;
    for (const IndexedRun& run : resident.runs) {
        ASSERT(run.first_seq == next_seq && run.count > 0 && run.zero == 0);
        next_seq += run.count;
    }
    ASSERT(next_seq == end_seq);
}

inline void check(const KeyToWrite& key, KeyKind kind, std::uint64_t begin_seq, std::uint64_t end_seq) {
    ASSERT(key.count > 0 && key.key.size() <= kKeySizeMax);
    ASSERT(key.first_delta <= key.last_delta && key.count - 1 <= key.last_delta - key.first_delta);
    ASSERT(key.last_delta < end_seq - begin_seq);
    if (kind != KeyKind::kEntity) return;
    ASSERT(key.stream.previous_seq == kNoSeq || key.stream.previous_seq < begin_seq);
    ASSERT(key.stream.first_seq <= begin_seq + key.first_delta);
}

template <typename Dictionary>
IndexFooter::Dictionary write_dictionary(IndexFileWriter& out, const Dictionary& dictionary, KeyKind kind,
                                         std::uint64_t begin_seq, std::uint64_t end_seq) {
    const std::size_t size = dictionary.size();
    ASSERT(size <= kIndexFileEventsMax);
    IndexFooter::Dictionary counts{.key_count = size};
    for (std::size_t i = 0; i < size; ++i) {
        const KeyToWrite key = dictionary.key(i);
        check(key, kind, begin_seq, end_seq);
        out.append_value(StoredKey{.hash = key.hash,
                                   .offset_and_size = counts.key_bytes << 16 | key.key.size(),
                                   .first_posting = counts.posting_count,
                                   .branch = key.branch,
                                   .count = key.count,
                                   .first_delta = key.first_delta,
                                   .last_delta = key.last_delta});
        if (kind == KeyKind::kEntity) out.append_value(key.stream);
        counts.key_bytes += key.key.size();
        counts.posting_count += key.count;
    }
    out.end_section();
    for (std::size_t i = 0; i < size; ++i) out.append(base::as_bytes(dictionary.text(i)));
    out.end_section();
    for (std::size_t i = 0; i < size; ++i) dictionary.append_postings(i, out);
    out.end_section();
    return counts;
}

template <typename Ids>
IdFilter write_ids(IndexFileWriter& out, const Ids& ids, std::uint64_t events) {
    IdFilter filter(ids.size());
    ids.for_each([&](std::uint64_t hash, std::uint32_t delta) {
        ASSERT(delta < events);
        out.append_value(hash);
        out.append_value(delta);
        filter.add(hash);
    });
    out.end_section();
    return filter;
}

template <typename Source>
Result<std::string> write_source(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                 const Source& source) {
    const IndexResident& resident = source.resident();
    check(resident, source.begin_seq(), source.end_seq());
    const std::string name = index_file_name({resident.segments.front().number, resident.segments.back().number});
    ASSIGN_OR_RETURN(const auto out, IndexFileWriter::create(files, directory, name));
    IndexFooter footer{.database = database, .begin_seq = source.begin_seq(), .end_seq = source.end_seq()};
    source.append_offsets(*out);
    out->end_section();
    source.append_places(*out);
    out->end_section();
    for (std::size_t kind = 0; kind < kKeyKinds; ++kind) {
        const auto key_kind = static_cast<KeyKind>(kind);
        footer.dictionaries[kind] = source.with_dictionary(key_kind, [&](const auto& dictionary) {
            return write_dictionary(*out, dictionary, key_kind, source.begin_seq(), source.end_seq());
        });
        RETURN_IF_ERROR(out->status());
    }
    const auto ids = source.ids();
    const auto batches = source.batches();
    footer.id_count = ids.size();
    footer.batch_count = batches.size();
    const IdFilter id_filter = write_ids(*out, ids, footer.event_count());
    const IdFilter batch_filter = write_ids(*out, batches, footer.event_count());
    return out->finish(footer, {.segments = resident.segments,
                                .log_crcs = resident.block_crcs,
                                .runs = resident.runs,
                                .stripes = resident.stripes,
                                .id_filter = &id_filter,
                                .batch_filter = &batch_filter});
}

}  // namespace chronos::index
