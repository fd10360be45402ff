// Segments that are rewritten without records that are not needed any more.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/bytes.h"
#include "base/result.h"
#include "cache/file_image.h"
#include "wal/log.h"
#include "wal/log_fixture.h"
#include "wal/scanner.h"

namespace chronos::wal {
namespace {

constexpr event::BranchNumber kFork = 2;
constexpr event::BranchNumber kOtherFork = 3;

class LogRewriteTest : public LogFixture {
protected:
    /// Appends a batch of `count` events to a branch; not yet committed.
    void append_to(Log& log, event::BranchNumber branch, std::size_t count, std::size_t payload_size = 40) {
        BatchBuilder builder;
        for (std::size_t i = 0; i < count; ++i) {
            const std::string payload = payload_of(next_seq_ + i, payload_size);
            builder.add({.entity_id = "e", .event_type = "t", .payload = payload});
            expected_.push_back({branch, payload});
        }
        auto& events = builder.content().events;
        event::BodyHeader header;
        header.event_count = static_cast<std::uint32_t>(count);
        header.database = kDatabase;
        header.branch = branch;
        header.recorded_at = static_cast<std::int64_t>(1'000 + next_seq_);
        header.first_position = positions_[branch];
        header.events_size = events.size();
        for (std::size_t at = 0; at < events.size(); at += base::load<std::uint32_t>(events.data() + at))
            base::store(events.data() + at + offsetof(event::EventHeader, body_distance),
                        static_cast<std::uint32_t>((event::kBodyHeaderSize + at) / 8));
        const std::size_t size = sizeof(header) + events.size();
        auto place = log.reserve(size);
        ASSERT_TRUE(place.ok()) << place.error().message;
        base::store(*place, header);
        std::memcpy(*place + sizeof(header), events.data(), events.size());
        log.append(next_seq_, header.event_count, size);
        next_seq_ += count;
        positions_[branch] += count;
    }
    static std::string payload_of(std::uint64_t seq, std::size_t size) {
        return std::to_string(seq) + std::string(size, 'p');
    }

    std::unique_ptr<Log> open_log() {
        auto log = open();
        EXPECT_TRUE(log.ok()) << (log.ok() ? "" : log.error().message);
        return log.ok() ? std::move(log).value() : nullptr;
    }

    /// Fills segments with batches of all branches until `count` segments are sealed.
    void fill(Log& log, std::size_t count, io::Prng& prng) {
        while (!log.sealed(static_cast<Slot>(count - 1))) {
            const std::uint64_t kind = prng.below(10);
            const auto branch = static_cast<event::BranchNumber>(kind < 4 ? 0 : kind < 8 ? kFork : kOtherFork);
            append_to(log, branch, 1 + prng.below(3), prng.chance(0.2) ? prng.below(9'000) : prng.below(300));
            if (prng.chance(0.6)) {
                ASSERT_TRUE(commit(log).ok());
            }
            if (prng.chance(0.05)) {
                ASSERT_TRUE(log.append_marker(next_seq_, false).ok());
            }
            if (log.has_finished()) {
                ASSERT_TRUE(log.seal_finished().ok());
            }
        }
        ASSERT_TRUE(commit(log).ok());
        for (Slot slot = 0; slot < count; ++slot) log.make_evictable(slot);
    }

    /// Rewrites a segment without what `is_gone` says; nothing where it is not worth it.
    std::optional<RewrittenSegment> rewrite(Log& log, Slot slot,
                                            const std::function<bool(const RecordPlace&)>& is_gone) {
        auto rewritten =
            log.rewrite(slot,
                        [&](const RecordPlace& record) {
                            return is_gone(record) ? std::optional(RemovalReason::kForkEnded) : std::nullopt;
                        },
                        0, {});
        EXPECT_TRUE(rewritten.ok()) << (rewritten.ok() ? "" : rewritten.error().message);
        if (!rewritten.ok() || !*rewritten) return std::nullopt;
        return std::move(**rewritten);
    }
    void note_removed(const RewrittenSegment& rewritten) {
        for (const RemovedRecord& stub : rewritten.stubs)
            for (std::uint64_t seq = stub.first_seq; seq < stub.end_seq(); ++seq) expected_[seq].payload = kRemovedText;
    }
    /// The same, and lets it take the old one's place.
    bool replace(Log& log, Slot slot, const std::function<bool(const RecordPlace&)>& is_gone) {
        auto rewritten = rewrite(log, slot, is_gone);
        if (!rewritten) return false;
        note_removed(*rewritten);
        std::vector<Log::Rewritten> all;
        all.push_back({.slot = slot, .segment = std::move(*rewritten)});
        auto images = log.replace(std::move(all));
        EXPECT_TRUE(images.ok());
        const std::array slots{slot};
        log.retire(slots, std::make_shared<const std::atomic<bool>>(true));
        EXPECT_EQ(log.remove_retired(), 0U);
        return true;
    }

    std::vector<std::string> expected_payloads() const {
        std::vector<std::string> payloads;
        for (const Expected& expected : expected_) payloads.push_back(expected.payload);
        return payloads;
    }
    std::uint64_t stored_size() {
        std::uint64_t size = 0;
        for (const std::string& path : world_.files.all_files()) {
            if (!path.ends_with(".log")) continue;
            auto file = world_.files.open(path, io::OpenMode::kRead);
            size += (*file)->size_on_disk().value();
        }
        return size;
    }
    std::vector<std::string> names_in_log() {
        std::vector<std::string> names;
        const std::vector<io::DirectoryEntry> entries = world_.files.list(kFolder + "/log").value();
        for (const io::DirectoryEntry& entry : entries) names.push_back(entry.name);
        return names;
    }

    struct Expected {
        event::BranchNumber branch;
        std::string payload;
    };
    std::vector<Expected> expected_;  // by seq
    std::map<event::BranchNumber, std::uint64_t> positions_;
};

const auto kOfFork = [](const RecordPlace& record) { return record.branch == kFork; };
const ChooseRemoval kForksEnded = [](const RecordPlace& record) {
    return record.branch >= kFork ? std::optional(RemovalReason::kForkEnded) : std::nullopt;
};
const auto kOfForks = [](const RecordPlace& record) { return record.branch >= kFork; };

TEST(SegmentFileName, TellsNumberAndRevision) {
    EXPECT_EQ(segment_file_name({42}), "000042.log");
    EXPECT_EQ(segment_file_name({42, 3}), "000042-3.log");
    EXPECT_EQ(parse_segment_file_name("000042.log"), (SegmentFileId{42, 0}));
    EXPECT_EQ(parse_segment_file_name("000042-3.log"), (SegmentFileId{42, 3}));
    EXPECT_EQ(parse_segment_file_name("1234567-65535.log"), (SegmentFileId{1'234'567, 65'535}));
    for (const char* name : {"", ".log", "42.log", "000042-0.log", "000042-.log", "000042-03.log", "000042.log.tmp",
                             "000042-1-2.log", "-000042.log", "+00042.log", "00004294967296.log"})
        EXPECT_FALSE(parse_segment_file_name(name)) << name;
}

TEST_F(LogRewriteTest, KeepsTheOthersWhereTheyWereAndGivesTheSpaceBack) {
    int twice = 0;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        SCOPED_TRACE(seed);
        world_.files.crash(io::CrashMode::kKeepAll);
        const std::string folder = kFolder;
        for (const std::string& path : world_.files.all_files()) ASSERT_TRUE(world_.files.remove_file(path).ok());
        (void)world_.files.remove_directory(folder + "/log");
        (void)world_.files.remove_directory(folder);
        expected_.clear();
        positions_.clear();
        create();
        io::Prng prng(seed);
        auto log = open_log();
        fill(*log, 3, prng);
        const std::uint64_t size_before = stored_size();
        const auto whole = world_.files.file_contents(segment_path(1)).value();
        const std::uint64_t records_end = log->sealed(0)->end_offset;
        ASSERT_TRUE(replace(*log, 0, kOfForks));
        EXPECT_LT(stored_size(), size_before);
        EXPECT_GT(log->counters().reclaimed_bytes, 0U);
        EXPECT_EQ(names_in_log().front(), "000001-1.log");
        // Every byte is where it was, or zero.
        const auto rewritten = world_.files.file_contents(kFolder + "/log/000001-1.log").value();
        for (std::size_t at = kSegmentHeaderSize; at < records_end; ++at)
            ASSERT_TRUE(rewritten[at] == whole[at] || rewritten[at] == std::byte{0}) << at;
        // Of another one first a part; then more, and the stubs of the first time stay.
        const bool is_partly = replace(*log, 1, kOfFork);
        const bool is_wholly = replace(*log, 1, kOfForks);
        twice += is_partly && is_wholly ? 1 : 0;
        append_to(*log, 0, 1);
        ASSERT_TRUE(commit(*log).ok());
        log.reset();
        for (int again = 0; again < 2; ++again) {
            log = open_log();
            ASSERT_NE(log, nullptr);
            EXPECT_EQ(payloads_, expected_payloads());
        }
        append_to(*log, kOtherFork, 2);
        ASSERT_TRUE(commit(*log).ok());
        log.reset();
        log = open_log();
        ASSERT_NE(log, nullptr);
        EXPECT_EQ(payloads_, expected_payloads());
    }
    EXPECT_GT(twice, 2);
}

TEST_F(LogRewriteTest, StubsSayWhatTheRecordsDid) {
    create();
    io::Prng prng(3);
    auto log = open_log();
    fill(*log, 1, prng);
    const auto rewritten = rewrite(*log, 0, kOfForks);
    ASSERT_TRUE(rewritten);
    const auto bytes = world_.files.file_contents(segment_path(1)).value();
    ASSERT_FALSE(rewritten->stubs.empty());
    for (const RemovedRecord& stub : rewritten->stubs) {
        const auto envelope = base::load<Envelope>(bytes.data() + stub.offset());
        const auto header = base::load<event::BodyHeader>(bytes.data() + stub.offset() + kEnvelopeSize);
        EXPECT_EQ(stub.first_seq, envelope.first_seq);
        EXPECT_EQ(stub.event_count, envelope.event_count);
        EXPECT_EQ(stub.record_crc, envelope.record_crc);
        EXPECT_EQ(stub.record_size, envelope.record_size);
        EXPECT_EQ(std::memcmp(stub.body_hash, envelope.body_hash, sizeof(stub.body_hash)), 0);
        EXPECT_EQ(stub.branch, header.branch);
        EXPECT_GE(stub.branch, kFork);
        EXPECT_EQ(stub.recorded_at, header.recorded_at);
        EXPECT_EQ(stub.first_position, header.first_position);
    }
}

TEST_F(LogRewriteTest, LeavesASegmentAloneThatHasLittleToGive) {
    create();
    auto log = open_log();
    while (!log->sealed(0)) {
        // Both branches in every block: none of them can be given back.
        for (int i = 0; i < 8; ++i) append_to(*log, i % 2 == 0 ? 0 : kFork, 1, 200);
        ASSERT_TRUE(commit(*log).ok());
        ASSERT_TRUE(log->seal_finished().ok());
    }
    log->make_evictable(0);
    EXPECT_FALSE(rewrite(*log, 0, kOfFork));
    EXPECT_FALSE(rewrite(*log, 0, [](const RecordPlace&) { return false; }));
    EXPECT_EQ(names_in_log().front(), "000001.log");
    // All together they can.
    EXPECT_TRUE(rewrite(*log, 0, [](const RecordPlace&) { return true; }));
}

TEST_F(LogRewriteTest, OneRecordABlockIsGivenBackBlockByBlock) {
    create();
    auto log = open_log();
    for (std::uint64_t i = 0; !log->sealed(0); ++i) {
        append_to(*log, i % 2 == 0 ? 0 : kFork, 1);
        ASSERT_TRUE(commit(*log).ok());
        ASSERT_TRUE(log->seal_finished().ok());
    }
    log->make_evictable(0);
    const auto rewritten = rewrite(*log, 0, kOfFork);
    ASSERT_TRUE(rewritten);
    // The header, every second record, and the stubs, which take one block.
    const std::uint64_t blocks = kSegmentSize / io::kBlockSize;
    EXPECT_LE(rewritten->size_on_disk, (1 + blocks / 2 + 1) * io::kBlockSize);
}

TEST_F(LogRewriteTest, ADamagedSegmentIsNotRewritten) {
    create();
    io::Prng prng(5);
    auto log = open_log();
    fill(*log, 1, prng);
    const auto names = names_in_log();
    const std::uint64_t size = log->sealed(0)->end_offset;
    int refused = 0;
    for (std::uint64_t at = 0; at < size; at += 611) {
        ASSERT_TRUE(world_.files.flip_bit(segment_path(1), at * 8 + at % 8).ok());
        auto rewritten = log->rewrite(0, kForksEnded, 0, {});
        if (rewritten.ok()) {  // What is removed need not be read.
            ASSERT_TRUE(*rewritten);
            log->discard(**rewritten);
        } else {
            ++refused;
            EXPECT_EQ(rewritten.error().code, ErrorCode::kCorrupt);
            EXPECT_NE(rewritten.error().message.find("000001.log"), std::string::npos);
        }
        EXPECT_EQ(names_in_log(), names);
        ASSERT_TRUE(world_.files.flip_bit(segment_path(1), at * 8 + at % 8).ok());
    }
    EXPECT_GT(refused, 10);
}

/// Writes that the disk loses, or puts elsewhere, are found when the file is read back.
TEST_F(LogRewriteTest, WhatTheDiskDoesNotKeepIsFound) {
    create();
    io::Prng prng(6);
    auto log = open_log();
    fill(*log, 1, prng);
    const std::uint64_t begin = world_.files.op_count();
    {
        auto rewritten = rewrite(*log, 0, kOfForks);
        ASSERT_TRUE(rewritten);
        log->discard(*rewritten);
    }
    const std::uint64_t ops = world_.files.op_count() - begin;
    std::uint64_t failed = 0;
    for (const io::FaultKind kind : {io::FaultKind::kLostWrite, io::FaultKind::kMisdirectedWrite, io::FaultKind::kEio,
                                     io::FaultKind::kNoSpace, io::FaultKind::kFailedSync, io::FaultKind::kShortWrite}) {
        for (std::uint64_t op = 0; op < ops; ++op) {
            world_.files.clear_faults();
            world_.files.fail_op(world_.files.op_count() + op, kind);
            auto rewritten = log->rewrite(0, kForksEnded, 0, {});
            world_.files.clear_faults();
            if (!rewritten.ok()) {
                ++failed;
                continue;
            }
            ASSERT_TRUE(*rewritten);
            const std::string path =
                kFolder + "/log/" + segment_file_name({(*rewritten)->entry.number, (*rewritten)->entry.revision});
            const auto bytes = world_.files.file_contents(path).value();
            EXPECT_EQ(cache::block_crcs_of(bytes), (*rewritten)->crcs) << "operation " << op;
            log->discard(**rewritten);
        }
    }
    EXPECT_GT(failed, 10U);
    for (const std::string& name : names_in_log()) EXPECT_EQ(name.find("000001-"), std::string::npos) << name;
    EXPECT_TRUE(replace(*log, 0, kOfForks));
    log.reset();
    ASSERT_NE(open_log(), nullptr);
    EXPECT_EQ(payloads_, expected_payloads());
}

/// At every operation the power may go: the old segment is there, or the new one.
TEST_F(LogRewriteTest, ThePowerMayGoAtEveryOperation) {
    create();
    io::Prng prng(8);
    {
        auto log = open_log();
        fill(*log, 2, prng);
        ASSERT_TRUE(log->append_marker(next_seq_, true).ok());
        ASSERT_TRUE(commit(*log).ok());
    }
    const std::vector<std::string> before = expected_payloads();
    const auto base = world_.files.clone();
    // What the log is like when nothing goes wrong.
    const auto life = [&](io::SimFileSystem& files) -> bool {
        auto opened = open_in(files);
        if (!opened.ok()) return false;
        Log& log = **opened;
        for (Slot slot = 0; slot < 2; ++slot) log.make_evictable(slot);
        std::vector<Log::Rewritten> all;
        for (Slot slot = 0; slot < 2; ++slot) {
            auto rewritten = log.rewrite(slot, kForksEnded, 0, {});
            if (!rewritten.ok()) return false;
            if (*rewritten) all.push_back({.slot = slot, .segment = std::move(**rewritten)});
        }
        for (const Log::Rewritten& each : all) note_removed(each.segment);
        if (!log.replace(std::move(all)).ok()) return false;
        const std::array slots{Slot{0}, Slot{1}};
        log.retire(slots, std::make_shared<const std::atomic<bool>>(true));
        return log.remove_retired() == 0;
    };
    const auto whole = base->clone();
    const std::uint64_t begin = whole->op_count();
    ASSERT_TRUE(life(*whole));
    const std::uint64_t ops = whole->op_count() - begin;
    const std::vector<std::string> after = expected_payloads();
    ASSERT_NE(before, after);
    int with_old = 0;
    int with_new = 0;
    for (std::uint64_t op = 0; op <= ops; ++op) {
        for (const io::CrashMode mode : {io::CrashMode::kDropUnsynced, io::CrashMode::kKeepAll, io::CrashMode::kPrefix,
                                         io::CrashMode::kRandomSubset, io::CrashMode::kGarbage}) {
            SCOPED_TRACE("operation " + std::to_string(op) + ", mode " + std::to_string(static_cast<int>(mode)));
            const auto files = base->clone();
            files->reseed(op * 7 + static_cast<std::uint64_t>(mode));
            files->crash_at_op(files->op_count() + op, {.torn = op % 2 == 0});
            const bool is_done = life(*files);
            if (!files->is_powered_off()) files->crash_at_op(files->op_count());
            files->crash(mode);
            for (int again = 0; again < 2; ++again) {
                auto log = open_in(*files);
                ASSERT_TRUE(log.ok()) << log.error().message;
                EXPECT_TRUE(payloads_ == before || payloads_ == after);
                if (is_done) {
                    EXPECT_EQ(payloads_, after);
                }
            }
            ++(payloads_ == before ? with_old : with_new);
            // One file for each segment, whatever was left over.
            std::map<std::uint32_t, int> counts;
            const std::vector<io::DirectoryEntry> entries = files->list(kFolder + "/log").value();
            for (const io::DirectoryEntry& entry : entries) {
                const auto id = parse_segment_file_name(entry.name);
                ASSERT_TRUE(id) << entry.name;
                EXPECT_EQ(++counts[id->number], 1) << entry.name;
            }
            EXPECT_FALSE(files->exists(kFolder + "/lost+found").value());
        }
    }
    EXPECT_GT(with_old, 10);
    EXPECT_GT(with_new, 10);
}

TEST_F(LogRewriteTest, DamageToARewrittenSegmentIsFound) {
    create();
    io::Prng prng(9);
    {
        auto log = open_log();
        fill(*log, 2, prng);
        ASSERT_TRUE(replace(*log, 0, kOfForks));
        ASSERT_TRUE(log->append_marker(next_seq_, true).ok());
        ASSERT_TRUE(commit(*log).ok());
    }
    const std::string path = kFolder + "/log/000001-1.log";
    const std::uint64_t size = world_.files.file_contents(path)->size();
    for (std::uint64_t at = 0; at < size; at += 97) {
        const auto files = world_.files.clone();
        ASSERT_TRUE(files->flip_bit(path, at * 8 + at % 8).ok());
        auto log = open_in(*files);
        ASSERT_FALSE(log.ok()) << "byte " << at;
        EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
        // Whoever goes on behind damage hears of it, and of everything else that is there.
        const Manifest manifest = read_manifest(*files, kFolder).value();
        Scanner scanner(*files, kFolder + "/log", manifest, {.continue_after_damage = true});
        int damages = 0;
        std::uint64_t events = 0;
        const auto on_damage = [&](const Damage&) { ++damages; };
        ASSERT_TRUE(scanner.open_segments(on_damage).ok());
        ASSERT_TRUE(scanner
                        .scan({.on_record =
                                   [&](const ScannedRecord& record, const ScannedSegment&) {
                                       events += record.envelope.event_count;
                                       return Status();
                                   },
                               .on_damage = on_damage})
                        .ok());
        EXPECT_GE(damages, 1) << "byte " << at;
        EXPECT_GT(events, expected_.size() / 3) << "byte " << at;
    }
}

/// The members of a group that are gone, and the last one, which is not.
TEST_F(LogRewriteTest, RecordsOfAGroupMayGo) {
    create();
    auto log = open_log();
    append_to(*log, 0, 1);
    ASSERT_TRUE(commit(*log).ok());
    log->begin_group(4);
    for (int i = 0; i < 3; ++i) append_to(*log, kFork, 2, 6'000);
    append_to(*log, 0, 1);
    ASSERT_TRUE(commit(*log).ok());
    while (!log->sealed(0)) {
        append_to(*log, 0, 1, 5'000);
        ASSERT_TRUE(commit(*log).ok());
        ASSERT_TRUE(log->seal_finished().ok());
    }
    log->make_evictable(0);
    ASSERT_TRUE(replace(*log, 0, kOfFork));
    log.reset();
    ASSERT_NE(open_log(), nullptr);
    EXPECT_EQ(payloads_, expected_payloads());
}

TEST_F(LogRewriteTest, AnOldFileStaysAsLongAsItsImageIsPinned) {
    create();
    io::Prng prng(11);
    auto log = open_log();
    fill(*log, 1, prng);
    cache::FileImage& image = log->image(0);
    image.pin();
    ASSERT_TRUE(image.load(0, 8192).ok());
    const std::byte* const bytes = image.data() + kSegmentHeaderSize;
    const auto magic = base::load<std::uint32_t>(bytes);
    auto rewritten = rewrite(*log, 0, kOfForks);
    ASSERT_TRUE(rewritten);
    std::vector<Log::Rewritten> all;
    all.push_back({.slot = 0, .segment = std::move(*rewritten)});
    const auto images = log->replace(std::move(all));
    ASSERT_TRUE(images.ok());
    EXPECT_EQ(&log->image(0), &image);
    EXPECT_EQ(log->remove_retired(), 1U);  // Nobody said yet that it cannot be found any more.
    const auto flag = std::make_shared<std::atomic<bool>>(false);
    const std::array slots{Slot{0}};
    log->retire(slots, flag);
    EXPECT_EQ(log->remove_retired(), 1U);
    flag->store(true);
    EXPECT_EQ(log->remove_retired(), 1U);  // A page has it.
    EXPECT_EQ(base::load<std::uint32_t>(bytes), magic);
    EXPECT_TRUE(world_.files.exists(segment_path(1)).value());
    image.unpin();
    EXPECT_EQ(log->remove_retired(), 0U);
    EXPECT_FALSE(world_.files.exists(segment_path(1)).value());
    EXPECT_EQ(&log->image(0), (*images)[0]);
}

TEST(Removals, ATableThatIsChangedIsRefused) {
    std::vector<RemovedRecord> stubs;
    for (std::uint32_t i = 0; i < 3; ++i)
        stubs.push_back({.first_seq = 10 + i * 5,
                         .first_position = i,
                         .recorded_at = 7,
                         .event_count = 2,
                         .branch = 4,
                         .record_size = 4096,
                         .place = (4096 + i * 8192) / 64});
    const SegmentIdentity identity{.number = 3, .salt = 5};
    const std::uint64_t offset = 32'768;
    const std::vector<std::byte> table = encode_removals(stubs, offset, identity, 9);
    EXPECT_EQ(table.size(), removals_size(stubs.size()));
    const auto read = decode_removals(table, offset, identity);
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->size(), stubs.size());
    for (std::size_t i = 0; i < stubs.size(); ++i) {
        EXPECT_EQ(std::memcmp(&(*read)[i], &stubs[i], sizeof(RemovedRecord)), 0);
        EXPECT_EQ(std::memcmp(table.data() + (stub_offset(offset, i) - offset), &stubs[i], sizeof(RemovedRecord)), 0);
    }
    for (std::size_t byte = 0; byte < table.size(); byte += byte < 512 ? 1 : 61) {
        std::vector<std::byte> changed = table;
        changed[byte] ^= std::byte{1} << (byte % 8);
        EXPECT_FALSE(decode_removals(changed, offset, identity).ok()) << byte;
    }
    EXPECT_FALSE(decode_removals(table, offset, {.number = 3, .salt = 6}).ok());
    EXPECT_FALSE(decode_removals(table, offset + 4096, identity).ok());
    EXPECT_FALSE(decode_removals({}, offset, identity).ok());
    const auto is_refused = [&](const std::function<void(std::vector<RemovedRecord>&)>& change) {
        std::vector<RemovedRecord> bad = stubs;
        change(bad);
        return !decode_removals(encode_removals(bad, offset, identity, 9), offset, identity).ok();
    };
    EXPECT_TRUE(is_refused([](auto& all) { std::swap(all[0], all[1]); }));
    EXPECT_TRUE(is_refused([](auto& all) { all[1].place = all[0].place; }));
    EXPECT_TRUE(is_refused([](auto& all) { all[2].record_size = 1 << 20; }));
    EXPECT_TRUE(is_refused([](auto& all) { all[0].event_count = 0; }));
    EXPECT_TRUE(is_refused([](auto& all) { all[0].place = 0; }));
    EXPECT_TRUE(is_refused([](auto& all) { all[1].branch = event::kSystemBranch; }));
}

TEST(Removals, AreReadFromAsManyRecordsAsTheyTake) {
    std::vector<RemovedRecord> stubs(kStubsPerRecord + 3);
    for (std::uint32_t i = 0; i < stubs.size(); ++i)
        stubs[i] = {.first_seq = i, .event_count = 1, .branch = 2, .record_size = 64, .place = 64 + i};
    const SegmentIdentity identity{.number = 1, .salt = 1};
    const std::uint64_t offset = base::round_up(4096 + stubs.size() * 64, 4096);
    const std::vector<std::byte> table = encode_removals(stubs, offset, identity, 1);
    const auto read = decode_removals(table, offset, identity);
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->size(), stubs.size());
    const std::size_t last = stubs.size() - 1;
    EXPECT_EQ(std::memcmp(table.data() + (stub_offset(offset, last) - offset), &stubs[last], sizeof(RemovedRecord)), 0);
}

}  // namespace
}  // namespace chronos::wal
