// For tests and benchmarks: a made-up log of events, and what the index of any of its segments must
// hold.
//
// Use:     const MadeUpLog log({.seed = 1, .segment_sizes = {100, 0, 7}});
//          write_index_file(files, "index", database, log.content(0, 3));
//
// Threads: immutable once made.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "cache/file_image.h"
#include "index/index_content.h"

namespace chronos::index {

struct MadeUpEvent {
    event::BranchNumber branch = 0;
    std::uint64_t position = 0;
    std::array<std::vector<std::string>, kKeyKinds> keys;  ///< Of each kind; at most one but for tags.
    std::uint64_t id_hash = 0;                             ///< 0: its id derives from its batch.
    std::uint64_t batch_hash = 0;                          ///< 0: not the first of a batch.
    std::int64_t recorded_at = 0;
    std::int64_t occurred_at = 0;
    std::uint32_t offset = 0;
    std::uint32_t place = 0;
};

class MadeUpLog {
public:
    struct Options {
        std::uint64_t seed = 1;
        std::uint64_t first_seq = 1000;
        std::vector<std::uint64_t> segment_sizes = {100};
        std::uint64_t entity_count = 20;
        std::uint32_t branch_count = 3;
        int hash_bits = 64;  ///< Fewer make different keys and ids have the same hash.
        bool has_only_entities = false;
        bool has_long_keys = true;
    };
    using Key = std::pair<event::BranchNumber, std::string>;

    explicit MadeUpLog(const Options& options) : options_(options), random_(options.seed) {
        for (const std::uint64_t size : options_.segment_sizes) {
            for (std::uint64_t i = 0; i < size; ++i) add_event();
            ends_.push_back(events_.size());
        }
    }

    [[nodiscard]] std::uint64_t first_seq(std::size_t segment) const {
        return options_.first_seq + (segment == 0 ? 0 : ends_[segment - 1]);
    }
    [[nodiscard]] std::size_t segment_count() const { return ends_.size(); }
    [[nodiscard]] const MadeUpEvent& event(std::uint64_t seq) const { return events_[seq - options_.first_seq]; }

    [[nodiscard]] std::uint64_t hash(event::BranchNumber branch, std::string_view key) const {
        return few_bits(base::xxh3_64(key, branch));
    }

    /// The seqs of each key of a kind among [begin_seq, end_seq).
    [[nodiscard]] std::map<Key, std::vector<std::uint64_t>> lists(KeyKind kind, std::uint64_t begin_seq,
                                                                  std::uint64_t end_seq) const {
        std::map<Key, std::vector<std::uint64_t>> lists;
        for (std::uint64_t seq = begin_seq; seq < end_seq; ++seq)
            for (const std::string& key : event(seq).keys[static_cast<std::size_t>(kind)])
                lists[{event(seq).branch, key}].push_back(seq);
        return lists;
    }

    /// What the index holds of segments [begin, end). Lives as long as the log.
    [[nodiscard]] IndexContent content(std::size_t begin, std::size_t end) const {
        IndexContent content;
        content.begin_seq = first_seq(begin);
        content.end_seq = first_seq(end);
        for (std::size_t i = begin; i < end; ++i) add_segment(content, i);
        for (std::uint64_t seq = content.begin_seq; seq < content.end_seq; ++seq) add_event_to(content, seq);
        for (std::size_t kind = 0; kind < kKeyKinds; ++kind) add_lists(content, static_cast<KeyKind>(kind));
        return content;
    }

private:
    [[nodiscard]] std::uint64_t few_bits(std::uint64_t hash) const {
        if (options_.hash_bits == 0) return 0;
        return hash & ~std::uint64_t{0} << (64 - options_.hash_bits);
    }
    std::uint64_t below(std::uint64_t count) { return random_() % count; }
    bool chance(double probability) { return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability; }
    std::uint64_t random_hash() { return few_bits(random_()) | 1; }

    std::string random_key(const char* prefix, std::uint64_t count) {
        std::string key = prefix + std::to_string(below(count));
        if (options_.has_long_keys && key.back() == '7') key.resize(512, 'x');
        return key;
    }

    void add_event() {
        MadeUpEvent event;
        event.branch = events_.empty() || chance(0.1) ? static_cast<event::BranchNumber>(below(options_.branch_count))
                                                      : events_.back().branch;
        event.position = next_position_[event.branch]++;
        event.recorded_at = static_cast<std::int64_t>(events_.size()) * 1000;
        event.occurred_at = event.recorded_at - static_cast<std::int64_t>(below(1'000'000));
        event.offset = 512 + static_cast<std::uint32_t>(events_.size()) * 8;
        const auto keys = [&](KeyKind kind) -> std::vector<std::string>& {
            return event.keys[static_cast<std::size_t>(kind)];
        };
        if (options_.has_only_entities || !chance(0.05)) {
            keys(KeyKind::kEntity).push_back(random_key("entity:", options_.entity_count));
            event.place = next_place_[{event.branch, keys(KeyKind::kEntity).front()}]++;
        }
        if (!options_.has_only_entities) {
            keys(KeyKind::kType).push_back(random_key("type.", 3));
            for (const char* prefix : {"a:", "b:"})
                if (chance(0.3)) keys(KeyKind::kTag).push_back(random_key(prefix, 4));
            if (chance(0.5)) keys(KeyKind::kCorrelation).push_back(random_key("", 1'000'000));
            if (chance(0.1)) keys(KeyKind::kCausation).push_back(random_key("e", 1000));
        }
        if (events_.empty() || chance(0.3)) event.batch_hash = random_hash();
        if (chance(0.5)) event.id_hash = chance(0.1) && last_id_ != 0 ? last_id_ : random_hash();
        if (event.id_hash != 0) last_id_ = event.id_hash;
        events_.push_back(std::move(event));
    }

    void add_segment(IndexContent& content, std::size_t i) const {
        IndexedSegment segment;
        segment.number = static_cast<std::uint32_t>(i + 1);
        segment.last_crc = static_cast<std::uint32_t>(i * 77);
        segment.salt = i + 5;
        segment.first_seq = first_seq(i);
        segment.end_seq = first_seq(i + 1);
        segment.end_offset = 4096 + (segment.end_seq - segment.first_seq) * 4096;
        segment.first_block_crc = static_cast<std::uint32_t>(content.block_crcs.size());
        const std::uint64_t blocks = (segment.end_offset + cache::kImageBlockSize - 1) / cache::kImageBlockSize;
        for (std::uint64_t block = 0; block < blocks; ++block)
            content.block_crcs.push_back(static_cast<std::uint32_t>(1000 * i + block));
        content.segments.push_back(segment);
    }

    void add_event_to(IndexContent& content, std::uint64_t seq) const {
        const MadeUpEvent& event = this->event(seq);
        const auto delta = static_cast<std::uint32_t>(seq - content.begin_seq);
        content.offsets.push_back(event.offset);
        content.places.push_back(event.place);
        if (content.runs.empty() || content.runs.back().branch != event.branch)
            content.runs.push_back({.branch = event.branch, .first_position = event.position, .first_seq = seq});
        ++content.runs.back().count;
        if (content.stripes.empty() || seq % kStripeEvents == 0)
            content.stripes.push_back({event.recorded_at, event.occurred_at, event.occurred_at});
        TimeStripe& stripe = content.stripes.back();
        stripe.min_occurred_at = std::min(stripe.min_occurred_at, event.occurred_at);
        stripe.max_occurred_at = std::max(stripe.max_occurred_at, event.occurred_at);
        if (event.id_hash != 0) content.ids.push_back({event.id_hash, delta});
        if (event.batch_hash != 0) content.batches.push_back({event.batch_hash, delta});
    }

    void add_lists(IndexContent& content, KeyKind kind) const {
        IndexContent::Dictionary& dictionary = content.dictionaries[static_cast<std::size_t>(kind)];
        const auto before = kind == KeyKind::kEntity ? lists(kind, options_.first_seq, content.begin_seq)
                                                     : std::map<Key, std::vector<std::uint64_t>>();
        std::map<Key, std::uint32_t> index_of;
        for (std::uint64_t seq = content.begin_seq; seq < content.end_seq; ++seq) {
            for (const std::string& text : event(seq).keys[static_cast<std::size_t>(kind)]) {
                const Key key{event(seq).branch, text};
                const auto [at, is_new] = index_of.try_emplace(key, static_cast<std::uint32_t>(dictionary.keys.size()));
                if (is_new) {
                    IndexedKey entry{.hash = hash(key.first, text), .key = text, .branch = key.first};
                    if (kind == KeyKind::kEntity) entry.stream_first_seq = seq;
                    if (const auto old = before.find(key); old != before.end()) {
                        entry.first_place = old->second.size();
                        entry.previous_seq = old->second.back();
                        entry.stream_first_seq = old->second.front();
                    }
                    dictionary.keys.push_back(entry);
                }
                ++dictionary.keys[at->second].count;
            }
        }
        std::vector<std::uint64_t> next;
        for (IndexedKey& key : dictionary.keys) {
            key.first_posting = dictionary.postings.size();
            next.push_back(key.first_posting);
            dictionary.postings.resize(dictionary.postings.size() + key.count);
        }
        for (std::uint64_t seq = content.begin_seq; seq < content.end_seq; ++seq)
            for (const std::string& text : event(seq).keys[static_cast<std::size_t>(kind)])
                dictionary.postings[next[index_of.at({event(seq).branch, text})]++] =
                    static_cast<std::uint32_t>(seq - content.begin_seq);
    }

    const Options options_;
    std::mt19937_64 random_;
    std::vector<MadeUpEvent> events_;
    std::vector<std::uint64_t> ends_;  // of segments, in events
    std::map<event::BranchNumber, std::uint64_t> next_position_;
    std::map<Key, std::uint32_t> next_place_;
    std::uint64_t last_id_ = 0;
};

}  // namespace chronos::index
