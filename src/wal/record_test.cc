#include "wal/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace chronos::wal {
namespace {

constexpr std::uint64_t kOffset = 4096;
constexpr SegmentIdentity kSegment{.number = 3, .salt = 0x1234'5679};

/// A sealed record of a body of letters.
std::vector<std::byte> record_of(std::size_t body_size, const SegmentIdentity& segment = kSegment) {
    std::vector<std::byte> record(record_size_for(body_size));
    std::memset(record.data() + kEnvelopeSize, 'b', body_size);
    Envelope envelope;
    envelope.event_count = 1;
    envelope.body_size = static_cast<std::uint32_t>(body_size);
    envelope.record_size = static_cast<std::uint32_t>(record.size());
    envelope.file_offset = kOffset;
    seal_record(record.data(), envelope, segment);
    return record;
}

RecordCheck check(const std::vector<std::byte>& record, const SegmentIdentity& segment = kSegment,
                  std::uint64_t offset = kOffset) {
    Envelope envelope;
    return check_record(record, offset, segment, envelope);
}

TEST(Record, ChecksWhereItWasWritten) {
    for (const std::size_t body_size : {std::size_t{0}, std::size_t{8}, std::size_t{4096}, std::size_t{9000}})
        EXPECT_EQ(check(record_of(body_size)), RecordCheck::kValid) << body_size;
}

// A recycled file still has the records of its earlier life behind those of this one.
TEST(Record, OfAnEarlierLifeOfTheFileIsNone) {
    const std::vector<std::byte> record = record_of(200);
    EXPECT_EQ(check(record, {.number = 3, .salt = 0x1234'567B}), RecordCheck::kNoRecord);
    EXPECT_EQ(check(record, {.number = 4, .salt = kSegment.salt}), RecordCheck::kNoRecord);
}

TEST(Record, WrittenToAnotherPlaceIsNone) {
    EXPECT_EQ(check(record_of(200), kSegment, kOffset + 4096), RecordCheck::kNoRecord);
}

TEST(Record, WithAnyChangedBitIsNotValid) {
    const std::vector<std::byte> record = record_of(136);
    for (std::size_t bit = 0; bit < record.size() * 8; ++bit) {
        std::vector<std::byte> changed = record;
        changed[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        EXPECT_NE(check(changed), RecordCheck::kValid) << "bit " << bit;
    }
}

TEST(Record, CutOffIsNone) {
    const std::vector<std::byte> record = record_of(200);
    for (std::size_t size = 0; size < record.size(); size += 64)
        EXPECT_EQ(check({record.begin(), record.begin() + static_cast<std::ptrdiff_t>(size)}), RecordCheck::kNoRecord)
            << size;
}

}  // namespace
}  // namespace chronos::wal
