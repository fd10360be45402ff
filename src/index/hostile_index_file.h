// For tests: index files that no writer made. Their checksums can be mended, so that damage gets
// behind them, and everything can be asked of them; nothing of it may crash or read where it must
// not.
//
// Threads: functions without state.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/checksum.h"
#include "index/index_file_parts.h"
#include "index/index_format.h"

namespace chronos::index {

/// Makes the checksums of a file right, those that its counts leave a place for.
inline void mend_checksums(std::span<std::byte> file) {
    if (file.size() < sizeof(IndexHead) + sizeof(IndexFooter)) return;
    const std::span<std::byte> end = file.last(sizeof(IndexFooter));
    auto footer = base::load<IndexFooter>(end.data());
    footer.file_size = file.size();
    const auto layout = layout_of(footer);
    if (layout && layout->file_size == file.size()) {
        const auto crcs = cache::block_crcs_of(file.first(layout->body_size));
        std::copy_n(std::as_bytes(std::span(crcs)).data(), crcs.size() * sizeof(std::uint32_t),
                    file.data() + layout->block_crcs.offset);
        footer.resident_crc =
            base::crc32c(file.subspan(layout->body_size, file.size() - sizeof(IndexFooter) - layout->body_size));
    }
    base::store(end.data(), footer);
    footer.crc = base::crc32c(end.subspan(offsetof(IndexFooter, resident_crc)));
    base::store(end.data(), footer);
}

/// Asks what there is to ask, of a part of what the file holds if that is much. Answers and errors
/// are dropped.
inline void ask_everything(const IndexFile& file) {
    constexpr std::size_t kMost = 64;
    constexpr std::array kKinds{KeyKind::kEntity,      KeyKind::kType,      KeyKind::kTag,
                                KeyKind::kCorrelation, KeyKind::kCausation, KeyKind::kActor};
    const std::uint64_t events = file.end_seq() - file.begin_seq();
    std::array<std::uint64_t, kMost> seqs{};
    std::array<std::uint32_t, kMost> offsets{};
    std::array<std::uint32_t, kMost> places{};
    for (std::uint64_t begin = 0; begin < std::min<std::uint64_t>(events, kMost); ++begin) {
        for (std::size_t i = 0; i < kMost; ++i) seqs[i] = file.begin_seq() + (begin + i * 977) % events;
        (void)file.locate(seqs, offsets.data(), places.data());
        (void)file.segment_of(seqs.front());
    }
    for (std::size_t i = 0; i < file.segments().size(); ++i) (void)file.block_crcs(i);

    for (const KeyKind kind : kKinds) {
        // Entries as they are, as a walk ends where the first is wrong.
        const Section& keys = file.parts().dictionary(kind).keys;
        BodyReader entries(file.parts(), keys, 1 << 20);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(keys.count, kMost); ++i) {
            if (!entries.need(keys.entry_size).ok()) break;
            const auto entry = base::load<StoredKey>(entries.take(keys.entry_size));
            (void)file.find(kind, entry.hash, entry.branch, std::string(entry.key_size(), 'x'));
        }
        std::vector<std::pair<std::string, IndexFile::KeyEntry>> found;
        (void)file.for_each_key(kind, [&](const IndexFile::KeyEntry& entry) {
            found.emplace_back(entry.key, entry);
            return found.size() < kMost;
        });
        for (const auto& [key, entry] : found) {
            (void)file.find(kind, entry.hash, entry.branch, key);
            const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(entry.list.count, kMost));
            (void)file.read(kind, entry.list, 0, std::span(seqs).first(count));
            (void)file.read(kind, entry.list, entry.list.count - count, std::span(seqs).first(count));
            for (const std::uint64_t end :
                 {file.begin_seq(), entry.list.first_seq + 1, entry.list.last_seq, file.end_seq()})
                (void)file.count_below(kind, entry.list, end);
        }
    }

    std::vector<std::uint64_t> hashes{0, 1, ~std::uint64_t{0}};
    for (const Section& section : {file.parts().layout.ids, file.parts().layout.batches}) {
        BodyReader entries(file.parts(), section, 1 << 20);
        for (std::uint64_t i = 0; i < std::min<std::uint64_t>(section.count, kMost); ++i) {
            if (!entries.need(kIdEntrySize).ok()) break;
            hashes.push_back(base::load<std::uint64_t>(entries.take(kIdEntrySize)));
        }
    }
    for (const std::uint64_t hash : hashes) {
        std::size_t calls = 0;
        (void)file.for_each_id(hash, [&](std::uint64_t) { return ++calls == kMost; });
        (void)file.for_each_batch(hash, [&](std::uint64_t) { return ++calls == kMost; });
    }
    (void)file.verify();
}

}  // namespace chronos::index
