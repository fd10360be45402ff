// For tests: every answer of an index file, compared with the made-up log it was written from.
//
// Threads: one thread each.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "index/index_file.h"
#include "index/made_up_log.h"

namespace chronos::index {

inline constexpr std::array kAllKinds{KeyKind::kEntity,      KeyKind::kType,      KeyKind::kTag,
                                      KeyKind::kCorrelation, KeyKind::kCausation, KeyKind::kActor};

/// Compares what a file says of segments [begin, end) of `log`. After a first difference or error
/// the rest is left out.
class AnswerCheck {
public:
    AnswerCheck(const IndexFile& file, const MadeUpLog& log, std::size_t begin, std::size_t end)
        : file_(file), log_(log), content_(log.content(begin, end)) {}

    /// What is wrong; empty if nothing. An error is "error: …".
    std::string run() {
        check_resident();
        check_locate();
        for (const KeyKind kind : kAllKinds) {
            check_keys(kind);
            check_walk(kind);
        }
        check_ids(content_.ids, &IndexFile::for_each_id);
        check_ids(content_.batches, &IndexFile::for_each_batch);
        return wrong_;
    }

private:
    void expect(bool is_right, const char* what) {
        if (!is_right && wrong_.empty()) wrong_ = what;
    }
    void expect_ok(const Status& status) {
        if (!status.ok() && wrong_.empty()) wrong_ = "error: " + status.error().message;
    }
    template <typename T>
    T value_of(Result<T> result) {
        if (result.ok()) return std::move(result).value();
        expect_ok(std::move(result).error());
        return T{};
    }

    template <typename T>
    static bool are_same_bytes(const std::vector<T>& a, const std::vector<T>& b) {
        return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
    }

    void check_resident() {
        expect(file_.begin_seq() == content_.begin_seq && file_.end_seq() == content_.end_seq, "seqs");
        expect(are_same_bytes(file_.segments(), content_.segments), "segments");
        expect(are_same_bytes(file_.runs(), content_.runs), "runs");
        expect(are_same_bytes(file_.stripes(), content_.stripes), "stripes");
        std::vector<std::uint32_t> crcs;
        for (std::size_t i = 0; i < file_.segments().size(); ++i)
            crcs.insert(crcs.end(), file_.block_crcs(i).begin(), file_.block_crcs(i).end());
        expect(crcs == content_.block_crcs, "log checksums");
    }

    void check_locate() {
        for (std::uint64_t seq = content_.begin_seq; seq < content_.end_seq; seq += 31) {
            std::vector<std::uint64_t> seqs;
            for (std::uint64_t i = 0; i < 32; ++i)  // The last repeats, and they come in any order.
                seqs.push_back(content_.begin_seq +
                               (seq - content_.begin_seq + i * 7919) % (content_.end_seq - content_.begin_seq));
            std::vector<std::uint32_t> offsets(seqs.size());
            std::vector<std::uint32_t> places(seqs.size());
            expect_ok(file_.locate(seqs, offsets.data(), places.data()));
            for (std::size_t i = 0; i < seqs.size() && wrong_.empty(); ++i) {
                expect(offsets[i] == log_.event(seqs[i]).offset, "offset");
                expect(places[i] == log_.event(seqs[i]).place, "place");
            }
            const IndexedSegment& segment = file_.segments()[file_.segment_of(seq)];
            expect(seq >= segment.first_seq && seq < segment.end_seq, "segment");
        }
    }

    void check_keys(KeyKind kind) {
        const auto lists = log_.lists(kind, content_.begin_seq, content_.end_seq);
        expect(file_.key_count(kind) == lists.size(), "count of keys");
        for (const IndexedKey& key : content_.dictionaries[static_cast<std::size_t>(kind)].keys) {
            const auto found = value_of(file_.find(kind, key.hash, key.branch, key.key));
            if (!wrong_.empty()) return;
            if (!found) return expect(false, "a key is not found");
            expect(found->first_place == key.first_place && found->previous_seq == key.previous_seq, "a stream's past");
            check_list(kind, *found, lists.at({key.branch, std::string(key.key)}));

            const std::string longer = std::string(key.key) + "x";
            expect(!value_of(file_.find(kind, key.hash, key.branch + 7, key.key)), "a key of another branch is found");
            expect(!value_of(file_.find(kind, key.hash, key.branch, longer)), "another key of the hash is found");
            expect(!value_of(file_.find(kind, key.hash ^ 0x5555, key.branch, key.key)), "another hash is found");
        }
        for (const std::uint64_t hash : {std::uint64_t{0}, ~std::uint64_t{0}})
            expect(!value_of(file_.find(kind, hash, 0, "no such key")), "a key that is not there is found");
    }

    void check_list(KeyKind kind, const FileList& list, const std::vector<std::uint64_t>& seqs) {
        expect(list.count == seqs.size() && list.first_seq == seqs.front() && list.last_seq == seqs.back(), "a list");
        if (!wrong_.empty()) return;
        for (const std::uint32_t first : {0U, list.count / 2, list.count - 1}) {
            std::vector<std::uint64_t> read(list.count - first);
            expect_ok(file_.read(kind, list, first, read));
            expect(std::equal(read.begin(), read.end(), seqs.begin() + first), "postings");
            std::uint64_t one = 0;
            expect_ok(file_.read(kind, list, first, {&one, 1}));
            expect(one == seqs[first], "a posting");
        }
        for (const std::uint64_t end :
             {seqs.front(), seqs[seqs.size() / 2], seqs.back(), seqs.back() + 1, seqs.front() + 1}) {
            const auto count = std::lower_bound(seqs.begin(), seqs.end(), end) - seqs.begin();
            expect(value_of(file_.count_below(kind, list, end)) == count, "count below");
        }
    }

    void check_walk(KeyKind kind) {
        const auto lists = log_.lists(kind, content_.begin_seq, content_.end_seq);
        std::uint64_t count = 0;
        std::uint64_t last_hash = 0;
        expect_ok(file_.for_each_key(kind, [&](const IndexFile::KeyEntry& entry) {
            const auto seqs = lists.find({entry.branch, std::string(entry.key)});
            expect(seqs != lists.end() && entry.hash == log_.hash(entry.branch, entry.key), "a walk's key");
            expect(entry.hash >= last_hash, "the order of a walk");
            if (!wrong_.empty()) return false;
            expect(entry.list.count == seqs->second.size() && entry.list.first_seq == seqs->second.front(),
                   "a walk's list");
            std::uint64_t last = 0;
            expect_ok(file_.read(kind, entry.list, entry.list.count - 1, {&last, 1}));
            expect(last == seqs->second.back(), "a walk's posting");
            last_hash = entry.hash;
            ++count;
            return true;
        }));
        expect(count == lists.size(), "a walk's count");
    }

    template <typename ForEach>
    void check_ids(const std::vector<IndexedId>& ids, ForEach for_each) {
        std::multimap<std::uint64_t, std::uint64_t> expected;
        for (const IndexedId& id : ids) expected.emplace(id.hash, content_.begin_seq + id.delta);
        for (const IndexedId& id : ids) {
            std::vector<std::uint64_t> seqs;
            expect_ok((file_.*for_each)(id.hash, [&](std::uint64_t seq) {
                seqs.push_back(seq);
                return false;
            }));
            std::vector<std::uint64_t> all;
            for (auto [at, end] = expected.equal_range(id.hash); at != end; ++at) all.push_back(at->second);
            expect(seqs == all, "ids");
            expect_ok((file_.*for_each)(id.hash ^ 2, [&](std::uint64_t) {
                expect(expected.contains(id.hash ^ 2), "an id that is not there");
                return true;
            }));
            if (!wrong_.empty()) return;
        }
    }

    const IndexFile& file_;
    const MadeUpLog& log_;
    const IndexContent content_;
    std::string wrong_;
};

/// What is wrong with the answers of a file of segments [begin, end); empty if nothing.
inline std::string check_answers(const IndexFile& file, const MadeUpLog& log, std::size_t begin, std::size_t end) {
    return AnswerCheck(file, log, begin, end).run();
}

}  // namespace chronos::index
