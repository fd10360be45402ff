// Groups of records: published, recovered and reported whole or not at all. Rules: docs/formats/log.md §3, §6.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "wal/log_fixture.h"
#include "wal/manifest.h"
#include "wal/scanner.h"

namespace chronos::wal {
namespace {

using Payloads = std::vector<std::string>;

Payloads operator+(Payloads left, const Payloads& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

/// `count` payloads of `size` bytes that differ.
Payloads payloads_of(std::size_t count, std::size_t size, char name = 'g') {
    Payloads payloads;
    for (std::size_t i = 0; i < count; ++i) payloads.push_back(name + std::to_string(i) + std::string(size, name));
    return payloads;
}

class LogGroupTest : public LogFixture {
protected:
    /// Where a record of a group begins.
    struct Place {
        Slot slot = 0;
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    Status make_room(Log& log, const Payloads& payloads) {
        std::vector<std::size_t> sizes;
        for (const std::string& payload : payloads) sizes.push_back(body_of(payload).size());
        return log.make_room(sizes);
    }

    /// Appends a group of one event each; not yet committed.
    Status append_group(Log& log, const Payloads& payloads) {
        if (Status made = make_room(log, payloads); !made.ok()) return made;
        log.begin_group(static_cast<std::uint32_t>(payloads.size()));
        places_.clear();
        for (const std::string& payload : payloads) {
            if (Status appended = append(log, payload); !appended.ok()) return appended;
            places_.push_back({log.tail_slot(), record_offset_, record_size_for(body_of(payload).size())});
        }
        return {};
    }

    /// Everything from `from` to the end of the group's last segment was not written.
    void lose_from(io::SimFileSystem& files, Place from) const {
        for (Slot slot = from.slot; slot <= places_.back().slot; ++slot) {
            const std::uint64_t begin = slot == from.slot ? from.offset : kSegmentHeaderSize;
            const std::vector<std::byte> zeros(files.file_contents(path_of(slot))->size() - begin);
            ASSERT_TRUE(files.corrupt(path_of(slot), begin, zeros).ok());
        }
    }

    void lose_block(io::SimFileSystem& files, Place at) const {
        const std::array<std::byte, io::kBlockSize> zeros{};
        ASSERT_TRUE(files.corrupt(path_of(at.slot), at.offset / io::kBlockSize * io::kBlockSize, zeros).ok());
    }

    /// The beginnings of records and blocks in the group.
    [[nodiscard]] std::vector<Place> boundaries() const {
        std::vector<Place> found = places_;
        for (const Place& place : places_)
            for (std::uint64_t at = base::round_up(place.offset, io::kBlockSize); at < place.offset + place.size;
                 at += io::kBlockSize)
                found.push_back({place.slot, at});
        return found;
    }

    /// Goes on appending behind what was recovered, and opens again, twice.
    void goes_on(io::SimFileSystem& files, const Payloads& recovered, std::size_t size, bool in_group) {
        Payloads expected = recovered;
        for (int life = 0; life < 2; ++life) {
            auto log = open_in(files);
            ASSERT_TRUE(log.ok()) << log.error().message;
            ASSERT_EQ(payloads_, expected) << "life " << life;
            const Payloads more = payloads_of(2, size, static_cast<char>('m' + life));
            if (in_group) {
                ASSERT_TRUE(append_group(**log, more).ok());
            } else {
                for (const std::string& payload : more) ASSERT_TRUE(append(**log, payload).ok());
            }
            ASSERT_TRUE(commit(**log).ok());
            ASSERT_TRUE(append(**log, "last").ok());
            ASSERT_TRUE(commit(**log).ok());
            expected = expected + more + Payloads{"last"};
        }
        files.crash(io::CrashMode::kDropUnsynced);
        const auto log = open_in(files);
        ASSERT_TRUE(log.ok()) << log.error().message;
        ASSERT_EQ(payloads_, expected);
    }

    /// Opening finds `recovered`; what comes next may be small, or so large that it goes to another segment.
    void is_recovered(const io::SimFileSystem& files, const Payloads& recovered) {
        const auto places = places_;
        for (const std::size_t size : {std::size_t{10}, std::size_t{5'000}, std::size_t{60'000}})
            for (const bool in_group : {false, true}) {
                const auto copy = files.clone();
                goes_on(*copy, recovered, size, in_group);
                places_ = places;
                if (HasFatalFailure()) return;
            }
    }

    /// What the records on disk say of their groups: "index/last", or "-" for one alone.
    std::string groups_on_disk() {
        const auto manifest = read_manifest(world_.files, kFolder);
        Scanner scanner(world_.files, kFolder + "/log", *manifest, {.read_only = true});
        EXPECT_TRUE(scanner.open_segments({}).ok());
        std::string groups;
        const auto on_record = [&](const ScannedRecord& record, const ScannedSegment&) -> Status {
            const Envelope& envelope = record.envelope;
            if (envelope.group_last_index == 0) groups += "- ";
            if (envelope.group_last_index > 0)
                groups += std::to_string(envelope.group_index) + "/" + std::to_string(envelope.group_last_index) + " ";
            const bool begins_group = envelope.group_last_index > 0 && envelope.group_index == 0;
            EXPECT_TRUE(!begins_group || record.offset % io::kBlockSize == 0);
            return {};
        };
        EXPECT_TRUE(
            scanner.scan({.on_record = on_record, .on_sealed_end = {}, .on_damage = {}, .on_progress = {}}).ok());
        return groups;
    }

    /// What `verify` reads: payloads of complete groups, and damage.
    Payloads read_behind_damage(std::vector<Damage>& damages) {
        const auto manifest = read_manifest(world_.files, kFolder);
        Scanner scanner(world_.files, kFolder + "/log", *manifest,
                        {.continue_after_damage = true, .release_images = true, .read_only = true});
        const auto on_damage = [&](const Damage& damage) { damages.push_back(damage); };
        EXPECT_TRUE(scanner.open_segments(on_damage).ok());
        Payloads payloads;
        const auto on_record = [&](const ScannedRecord& record, const ScannedSegment& segment) -> Status {
            if (record.envelope.kind != RecordKind::kBatch) return {};
            event::BodyView(segment.image.data() + record.offset + kEnvelopeSize)
                .for_each_event([&](const event::EventBytes& event) { payloads.emplace_back(event.payload()); });
            return {};
        };
        EXPECT_TRUE(
            scanner.scan({.on_record = on_record, .on_sealed_end = {}, .on_damage = on_damage, .on_progress = {}})
                .ok());
        return payloads;
    }

    static std::string path_of(Slot slot) { return segment_path(static_cast<int>(slot) + 1); }

    std::vector<Place> places_;  // of the last group appended
};

TEST_F(LogGroupTest, CountsAsPublishedWithItsLastRecord) {
    options_.segment_size_min = options_.segment_size_max = std::uint64_t{8} << 20;
    create();
    const auto log = open();
    ASSERT_TRUE(log.ok()) << log.error().message;
    ASSERT_TRUE(append(**log, "before").ok());
    ASSERT_TRUE(append_group(**log, payloads_of(5, 700'000)).ok());
    ASSERT_TRUE(append(**log, "behind").ok());
    std::vector<std::uint64_t> whole;
    std::vector<std::uint64_t> ends;
    while ((*log)->has_pending()) {
        const Piece piece = (*log)->cut();
        whole.push_back(piece.whole_seq);
        ends.push_back(piece.end_seq);
        EXPECT_EQ(piece.begin_offset % io::kBlockSize, 0U);
        ASSERT_TRUE((*log)->write(piece, true).ok());
    }
    EXPECT_EQ(whole, (std::vector<std::uint64_t>{1, 1, 1, 6, 7}));
    EXPECT_EQ(ends, (std::vector<std::uint64_t>{1, 3, 5, 6, 7}));
}

TEST_F(LogGroupTest, OfOneIsARecord) {
    create();
    {
        const auto log = open();
        ASSERT_TRUE(append_group(**log, {"1"}).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(append_group(**log, {"3", "4"}).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    EXPECT_EQ(groups_on_disk(), "- - 0/1 1/1 ");
}

TEST_F(LogGroupTest, FinishesSegmentsWhenItIsComplete) {
    create();
    {
        const auto log = open();
        ASSERT_TRUE(append(**log, "before").ok());
        ASSERT_TRUE(append_group(**log, payloads_of(5, 40'000)).ok());
        while ((*log)->has_pending()) {
            EXPECT_FALSE((*log)->has_finished());
            ASSERT_TRUE((*log)->write((*log)->cut(), true).ok());
        }
        EXPECT_TRUE((*log)->has_finished());
        ASSERT_TRUE((*log)->seal_finished().ok());
        EXPECT_TRUE((*log)->sealed(3));
    }
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, Payloads{"before"} + payloads_of(5, 40'000));
}

TEST_F(LogGroupTest, GoesOnBehindSegmentsThatAreKnown) {
    create();
    RecoveryOptions recovery;
    {
        const auto log = open();
        ASSERT_TRUE(append_group(**log, payloads_of(6, 25'000)).ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE((*log)->seal_finished().ok());
        ASSERT_TRUE(append(**log, "behind").ok());
        ASSERT_TRUE(commit(**log).ok());
        recovery.known.push_back(*(*log)->sealed(0));
        recovery.known_end_positions.push_back(recovery.known.back().end_seq);
    }
    ASSERT_EQ(recovery.known.back().end_seq, 2U);
    std::vector<std::uint64_t> told;  // how much was handed on when a segment's end was
    recovery.on_sealed = [&](Log&, Slot, const SealedSegment& segment) -> Status {
        EXPECT_EQ(segment.end_seq, next_seq_);
        told.push_back(segment.end_seq);
        return {};
    };
    const auto log = open_in(world_.files, recovery);
    ASSERT_TRUE(log.ok()) << log.error().message;
    const Payloads all = payloads_of(6, 25'000) + Payloads{"behind"};
    EXPECT_EQ(payloads_, Payloads(all.begin() + 2, all.end()));
    EXPECT_EQ(told, std::vector<std::uint64_t>{4});
}

TEST_F(LogGroupTest, IsDroppedWholeWhereverItWasCut) {
    create();
    const Payloads before = {"1", "2"};
    {
        auto log = open();
        for (const std::string& payload : before) ASSERT_TRUE(append(**log, payload).ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append_group(**log, payloads_of(3, 50) + payloads_of(3, 7'000, 'h')).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_EQ(places_.back().slot, 0U);
    is_recovered(world_.files, before + payloads_of(3, 50) + payloads_of(3, 7'000, 'h'));
    for (const Place& at : boundaries()) {
        const auto cut = world_.files.clone();
        lose_from(*cut, at);
        is_recovered(*cut, before);
        const auto torn = world_.files.clone();
        lose_block(*torn, at);
        is_recovered(*torn, before);
        ASSERT_FALSE(HasFailure()) << "slot " << at.slot << ", offset " << at.offset;
    }
}

TEST_F(LogGroupTest, OverSegmentsIsDroppedWholeWhereverItWasCut) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "before").ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append_group(**log, payloads_of(6, 25'000)).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_EQ(places_.front().slot, 0U);
    ASSERT_EQ(places_.back().slot, 2U);
    is_recovered(world_.files, Payloads{"before"} + payloads_of(6, 25'000));
    for (const Place& at : boundaries()) {
        const auto cut = world_.files.clone();
        lose_from(*cut, at);
        is_recovered(*cut, {"before"});
        const auto torn = world_.files.clone();
        lose_block(*torn, at);
        is_recovered(*torn, {"before"});
        ASSERT_FALSE(HasFailure()) << "slot " << at.slot << ", offset " << at.offset;
    }
}

TEST_F(LogGroupTest, OverASegmentThatWasTooSmallIsDroppedWhole) {
    create();
    const std::string before(40'000, 'b');
    {
        auto log = open();
        ASSERT_TRUE((*log)->prepare_spares().ok());
        ASSERT_TRUE(append(**log, before).ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(
            append_group(**log, {std::string(10'000, 'g'), std::string(100'000, 'h'), std::string(90'000, 'i')}).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    ASSERT_EQ(places_[0].slot, 0U);
    ASSERT_EQ(places_[1].slot, 2U);  // The spare of slot 1 was too small.
    lose_from(world_.files, places_[2]);
    is_recovered(world_.files, {before});
    goes_on(world_.files, {before}, 20'400, false);  // Too large for slot 0; in slot 1 all of it fits.
}

TEST_F(LogGroupTest, ThatMayBeInThePageCacheOnlyIsRewrittenAsAGroup) {
    create();
    const Payloads group = payloads_of(3, 300) + payloads_of(3, 25'000, 'h');
    const Payloads all = Payloads{"1", "2"} + group + Payloads{"3"};
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(append_group(**log, group).ok());
        ASSERT_TRUE(append(**log, "3").ok());
        ASSERT_TRUE(commit(**log, false).ok());
    }
    auto log = open();
    ASSERT_TRUE(log.ok()) << log.error().message;
    EXPECT_EQ(payloads_, all);
    EXPECT_EQ((*log)->counters().rewritten_records, 8U);
    log->reset();
    EXPECT_EQ(groups_on_disk(), "- - 0/5 1/5 2/5 3/5 4/5 5/5 - ");
    world_.files.crash(io::CrashMode::kDropUnsynced);
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, all);
}

TEST_F(LogGroupTest, StaysWholeOnAFullDisk) {
    create();
    const Payloads group = payloads_of(4, 20'000);
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(append_group(**log, group).ok());
        ASSERT_TRUE(commit(**log, false).ok());
    }
    fill_disk();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, Payloads{"1"} + group);
    world_.files.crash(io::CrashMode::kDropUnsynced);
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, Payloads{"1"} + group);
}

TEST_F(LogGroupTest, IsDamagedWhenASyncedRecordOfItIs) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(append_group(**log, payloads_of(5, 25'000)).ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    for (const Place& place : places_) {
        const auto damaged = world_.files.clone();
        ASSERT_TRUE(damaged->flip_bit(path_of(place.slot), (place.offset + 1'000) * 8).ok());
        const auto log = open_in(*damaged);
        ASSERT_FALSE(log.ok());
        EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
        EXPECT_NE(log.error().message.find("positions [1, 6)"), std::string::npos) << log.error().message;
    }
}

TEST_F(LogGroupTest, IsLostWholeWithItsDamageWhenReadingGoesOnBehind) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(append_group(**log, payloads_of(5, 25'000)).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(append_group(**log, payloads_of(4, 25'000, 'h')).ok());
        ASSERT_TRUE(commit(**log).ok());
        ASSERT_TRUE((*log)->seal_finished().ok());
        ASSERT_TRUE(append_group(**log, payloads_of(2, 500, 'i')).ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    lose_from(world_.files, places_.back());  // Nobody was told that this group is there.
    std::vector<Damage> damages;
    EXPECT_EQ(read_behind_damage(damages),
              Payloads{"1"} + payloads_of(5, 25'000) + Payloads{"2"} + payloads_of(4, 25'000, 'h'));
    EXPECT_TRUE(damages.empty());

    ASSERT_TRUE(world_.files.flip_bit(path_of(1), (kSegmentHeaderSize + 1'000) * 8).ok());
    EXPECT_EQ(read_behind_damage(damages), (Payloads{"1", "2"} + payloads_of(4, 25'000, 'h')));
    ASSERT_FALSE(damages.empty());
    EXPECT_EQ(damages.front().file, "000002.log");
    EXPECT_EQ(damages.front().first_position, 1U);
}

TEST_F(LogGroupTest, IsLostWholeWhenItsRestCanBeRead) {
    create();
    {
        auto log = open();
        ASSERT_TRUE(append(**log, "1").ok());
        ASSERT_TRUE(commit(**log).ok());
        (*log)->begin_group(3);
        for (const std::string& payload : payloads_of(3, 10)) {
            ASSERT_TRUE(append(**log, payload).ok());
            ASSERT_TRUE(commit(**log).ok());  // Each in a block of its own, where reading could go on.
        }
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    std::vector<Damage> damages;
    const auto is_lost = [&] {
        damages.clear();
        EXPECT_EQ(read_behind_damage(damages), (Payloads{"1", "2"}));
        ASSERT_EQ(damages.size(), 1U);
        EXPECT_EQ(damages.front().first_position, 1U);
        EXPECT_EQ(damages.front().end_position, 4U);
    };
    ASSERT_TRUE(world_.files.flip_bit(path_of(0), (kSegmentHeaderSize + io::kBlockSize + 300) * 8).ok());
    is_lost();
    auto manifest = *read_manifest(world_.files, kFolder);
    SegmentEntry& entry = manifest.segments.front();
    entry.state = SegmentState::kSealed;
    entry.end_offset = kSegmentHeaderSize + 5 * io::kBlockSize;
    entry.end_seq = 5;
    entry.last_crc =
        base::load<Envelope>(world_.files.file_contents(path_of(0))->data() + entry.end_offset - io::kBlockSize)
            .record_crc;
    ASSERT_TRUE(write_manifest(world_.files, kFolder, manifest).ok());
    is_lost();
}

TEST_F(LogGroupTest, OfWhichAPartIsSaidToBeDurableIsCorrupt) {
    create();
    {
        auto log = open();
        (*log)->begin_group(3);
        ASSERT_TRUE(append(**log, "1").ok());
        Piece piece = (*log)->cut();
        piece.whole_seq = piece.end_seq;
        ASSERT_TRUE((*log)->write(piece, true).ok());
        ASSERT_TRUE(append(**log, "2").ok());
        ASSERT_TRUE(append(**log, "3").ok());
        ASSERT_TRUE(commit(**log).ok());
    }
    const auto log = open();
    ASSERT_FALSE(log.ok());
    EXPECT_NE(log.error().message.find("later events were durable"), std::string::npos) << log.error().message;
}

TEST_F(LogGroupTest, ThatIsNotInOrderIsCorrupt) {
    create();
    const auto opens_with = [&](const std::function<void(std::vector<Piece::Record>&)>& forge) -> Status {
        const auto files = world_.files.clone();
        {
            auto log = open_in(*files);
            EXPECT_TRUE(append(**log, "1").ok());
            EXPECT_TRUE(commit(**log).ok());
            EXPECT_TRUE(append_group(**log, payloads_of(4, 10)).ok());
            Piece piece = (*log)->cut();
            forge(piece.records);
            EXPECT_TRUE((*log)->write(piece, true).ok());
        }
        const auto log = open_in(*files);
        return log.ok() ? Status() : log.error();
    };
    using Records = std::vector<Piece::Record>;
    EXPECT_TRUE(opens_with([](Records&) {}).ok());
    const std::vector<std::function<void(Records&)>> forgeries = {
        [](Records& records) { records[0].group_index = 1; },
        [](Records& records) { records[2].group_index = 1; },
        [](Records& records) { records[2].group_index = 3; },
        [](Records& records) { records[2].group_last_index = 2; },
        [](Records& records) { records[3].group_index = records[3].group_last_index = 4; },
        [](Records& records) { records[2].group_index = records[2].group_last_index = 0; },
        [](Records& records) { records[0].group_index = 9; },
    };
    for (std::size_t i = 0; i < forgeries.size(); ++i) {
        const Status opened = opens_with(forgeries[i]);
        ASSERT_FALSE(opened.ok()) << i;
        EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt) << i;
        EXPECT_NE(opened.error().message.find("a group of records is not whole"), std::string::npos)
            << i << ": " << opened.error().message;
    }
}

TEST_F(LogGroupTest, FindsTheRoomThatWasMade) {
    io::Prng prng(7);
    create();
    auto log = open();
    Payloads expected;
    for (int round = 0; round < 60; ++round) {
        Payloads group;
        for (std::uint64_t i = 1 + prng.below(12); i > 0; --i)
            group.push_back(payloads_of(1, prng.below(prng.chance(0.2) ? 150'000 : 9'000), 'a').front());
        if (prng.chance(0.5)) {
            ASSERT_TRUE(append(**log, expected.emplace_back("single")).ok());
        }
        ASSERT_TRUE(make_room(**log, group).ok());
        world_.files.fail_every(io::FaultKind::kEio, 1.0);  // Nothing needs the disk any more.
        (*log)->begin_group(static_cast<std::uint32_t>(group.size()));
        for (const std::string& payload : group) ASSERT_TRUE(append(**log, payload).ok()) << round;
        world_.files.clear_faults();
        expected = expected + group;
        if (prng.chance(0.3)) {
            ASSERT_TRUE((*log)->prepare_spares().ok());
        }
        ASSERT_TRUE(commit(**log).ok());
        if (prng.chance(0.3)) {
            ASSERT_TRUE((*log)->seal_finished().ok());
        }
    }
    log->reset();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, expected);
}

TEST_F(LogGroupTest, WithoutRoomLeavesTheLogAsItWas) {
    create();
    auto log = open();
    ASSERT_TRUE(append(**log, "1").ok());
    fill_disk();
    const Status refused = make_room(**log, payloads_of(4, 30'000));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kNoSpace);
    ASSERT_TRUE(append(**log, "2").ok());
    ASSERT_TRUE(append_group(**log, {"3", "4"}).ok());
    ASSERT_TRUE(commit(**log).ok());
    log->reset();
    ASSERT_TRUE(open().ok());
    EXPECT_EQ(payloads_, (Payloads{"1", "2", "3", "4"}));
}

TEST_F(LogGroupTest, HasALimit) {
    create();
    auto log = open();
    for (const std::vector<std::size_t>& sizes :
         {std::vector<std::size_t>{kRecordSizeMax}, std::vector<std::size_t>(kGroupRecordsMax + 1, 256),
          std::vector<std::size_t>(9, std::size_t{31} << 20)}) {
        const Status refused = (*log)->make_room(sizes);
        ASSERT_FALSE(refused.ok());
        EXPECT_EQ(refused.error().code, ErrorCode::kLimitExceeded);
    }
    EXPECT_LE((*log)->file_bytes(), std::uint64_t{512} << 20);
}

/// A life of a log that ends where the power goes.
class LogGroupCrashTest : public LogGroupTest {
protected:
    struct Life {
        std::vector<Payloads> units;  // what is recovered whole or not at all, in order
        std::size_t synced_count = 0;
    };

    Life live(io::SimFileSystem& files) {
        Life life;
        const auto log = open_in(files);
        if (!log.ok()) return life;
        const auto add = [&](const Payloads& unit, bool sync) {
            const Status appended = unit.size() == 1 ? append(**log, unit.front()) : append_group(**log, unit);
            if (!appended.ok()) return false;
            life.units.push_back(unit);
            if (!commit(**log, sync).ok()) return false;
            if (sync) life.synced_count = life.units.size();
            return true;
        };
        (void)(add(payloads_of(1, 100, 'a'), true) && add(payloads_of(3, 100, 'b'), true) &&
               add(payloads_of(5, 20'000, 'c'), true) && add(payloads_of(1, 100, 'd'), false) &&
               add(payloads_of(4, 9'000, 'e'), false) && add(payloads_of(1, 100, 'f'), true) &&
               (*log)->prepare_spares().ok() && (*log)->seal_finished().ok() &&
               add(payloads_of(3, 50'000, 'g'), true) && (*log)->append_marker(next_seq_, false).ok() &&
               commit(**log).ok() && add(payloads_of(2, 30'000, 'h'), false) && add(payloads_of(9, 500, 'i'), true) &&
               (*log)->seal_finished().ok() && add(payloads_of(4, 40'000, 'j'), true));
        return life;
    }

    /// What was recovered is a beginning of the life, of whole units, with all that was synced.
    static std::string compare(const Life& life, const Payloads& recovered) {
        Payloads expected;
        std::size_t count = 0;
        while (count < life.units.size() && expected.size() < recovered.size())
            expected = expected + life.units[count++];
        if (expected != recovered) return "part of a group, or something else, was recovered";
        return count < life.synced_count ? "something synced is gone" : "";
    }

    /// Opens what is left and compares it.
    std::string reopen(io::SimFileSystem& files, const Life& life) {
        const auto log = open_in(files);
        return log.ok() ? compare(life, payloads_) : "does not open: " + log.error().message;
    }

    /// The power goes at an operation of a life, and once more while the log is opened after it.
    std::string cut_at(std::uint64_t op_index, bool torn, io::CrashMode mode, const io::SimFileSystem& created) {
        const auto files = created.clone();
        files->crash_at_op(op_index, {.torn = torn});
        const Life life = live(*files);
        files->reseed(op_index);
        files->crash(mode);
        const auto again = files->clone();
        const std::uint64_t begin = files->op_count();
        if (std::string wrong = reopen(*files, life); !wrong.empty()) return wrong;
        const std::uint64_t end = files->op_count();
        goes_on(*files, Payloads(payloads_), op_index % 2 == 0 ? 100 : 45'000, op_index % 3 == 0);
        if (HasFailure()) return "does not go on";

        again->crash_at_op(begin + op_index % (end - begin), {.torn = torn});
        (void)open_in(*again);
        again->crash(mode);
        return reopen(*again, life);
    }
};

TEST_F(LogGroupCrashTest, ThePowerMayGoAtEveryOperation) {
    create();
    const auto whole = world_.files.clone();
    const std::uint64_t begin = whole->op_count();
    const Life life = live(*whole);
    ASSERT_EQ(life.synced_count, 10U);
    const std::uint64_t end = whole->op_count();
    constexpr io::CrashMode kModes[] = {io::CrashMode::kDropUnsynced, io::CrashMode::kKeepAll, io::CrashMode::kPrefix,
                                        io::CrashMode::kRandomSubset, io::CrashMode::kGarbage};
    // Two modes for each operation.
    for (std::uint64_t op = begin; op <= end; ++op)
        for (const bool torn : {false, true}) {
            const io::CrashMode mode = kModes[(op * 2 + (torn ? 1 : 0)) % std::size(kModes)];
            ASSERT_EQ(cut_at(op, torn, mode, world_.files), "")
                << "operation " << op << (torn ? ", torn" : "") << ", crash mode " << static_cast<int>(mode);
        }
}

}  // namespace
}  // namespace chronos::wal
