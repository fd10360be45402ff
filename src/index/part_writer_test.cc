#include "index/part_writer.h"

#include <gtest/gtest.h>

#include <random>

#include "index/collected_part.h"
#include "index/index_file.h"
#include "io/sim/sim_file_system.h"

namespace chronos::index {
namespace {

const Uuid kDatabase = Uuid::parse("019b76da-a800-7ed2-acde-4ca71b29a114").value();
constexpr HashSeeds kSeeds{.keys = 1, .ids = 2};

/// Parts that follow each other over the same streams, filled at random.
class PartWriterTest : public testing::Test {
protected:
    PartWriterTest() {
        EXPECT_TRUE(plain_.make_directory("index").ok());
        EXPECT_TRUE(streaming_.make_directory("index").ok());
    }

    void add_part(std::uint64_t event_count, std::uint64_t entity_count) {
        auto part = std::make_shared<MemoryPart>(kSeeds, static_cast<std::uint32_t>(parts_.size()), next_seq_, nullptr);
        if (!parts_.empty()) parts_.back()->next = part;
        parts_.push_back(part);
        for (std::uint64_t i = 0; i < event_count; ++i) add_event(*part, entity_count);
        part->publish(next_seq_);
    }

    IndexResident resident_of(const MemoryPart& part) const {
        IndexResident resident;
        resident.segments.push_back(
            {.number = 7, .first_seq = part.begin_seq(), .end_seq = part.end_seq(), .end_offset = 100'000});
        resident.block_crcs.resize((100'000 + cache::kImageBlockSize - 1) / cache::kImageBlockSize);
        if (part.end_seq() > part.begin_seq())
            resident.runs.push_back({.first_seq = part.begin_seq(), .count = part.end_seq() - part.begin_seq()});
        resident.stripes.resize(stripe_count(part.begin_seq(), part.end_seq()));
        return resident;
    }

    /// Writes a part both ways and compares the bytes.
    void expect_same_file(const MemoryPart& part) {
        const IndexResident resident = resident_of(part);
        IndexContent content = collect(part, heads_);
        static_cast<IndexResident&>(content) = resident;
        const auto plain = write_index_file(plain_, "index", kDatabase, content);
        const auto streamed = write_part_file(streaming_, "index", kDatabase, part, heads_, resident);
        ASSERT_TRUE(plain.ok() && streamed.ok());
        EXPECT_EQ(*plain, *streamed);
        EXPECT_TRUE(plain_.file_contents(*plain).value() == streaming_.file_contents(*streamed).value());
    }

    StreamHeads heads_{kSeeds.of(KeyKind::kEntity)};
    std::vector<std::shared_ptr<MemoryPart>> parts_;
    std::uint64_t next_seq_ = 5;

private:
    void add_event(MemoryPart& part, std::uint64_t entity_count) {
        const std::uint64_t seq = next_seq_++;
        const auto branch = static_cast<event::BranchNumber>(random_() % 3);
        const std::string entity = "entity:" + std::to_string(random_() % entity_count);
        StreamHead& stream = heads_.find_or_add(heads_.hash(branch, entity), branch, entity);
        const auto appended = stream.append(seq, part.begin_seq(), part.arena());
        if (appended.is_first_in_part) part.note_stream(&stream);
        part.add(seq, seq * 64, appended.place);
        for (const KeyKind kind : {KeyKind::kType, KeyKind::kTag, KeyKind::kCorrelation}) {
            PostingMap& map = part.map(kind);
            const std::string key = std::to_string(random_() % (kind == KeyKind::kCorrelation ? 1'000'000 : 7));
            map.append(map.find_or_add(map.hash(branch, key), branch, key), seq);
        }
        if (random_() % 3 == 0) part.ids().add(random_(), seq);
        if (random_() % 10 == 0) part.batches().add(random_(), seq);
    }

    std::mt19937_64 random_{7};
    io::SimFileSystem plain_{1}, streaming_{1};
};

TEST_F(PartWriterTest, WritesTheBytesOfWhatIsCollected) {
    add_part(20'000, 500);
    expect_same_file(*parts_[0]);
}

TEST_F(PartWriterTest, WritesAPartBetweenOlderAndNewerOnes) {
    add_part(3'000, 50);
    add_part(3'000, 5'000);
    add_part(3'000, 50);
    for (const auto& part : parts_) expect_same_file(*part);
}

TEST_F(PartWriterTest, DoesNotReadWhatWasDroppedInFrontOfIt) {
    add_part(1'000, 20);
    add_part(1'000, 20);
    add_part(1'000, 20);
    parts_[0].reset();  // With its chunks: the address sanitizer would tell.
    expect_same_file(*parts_[1]);
}

TEST_F(PartWriterTest, TakesAListOfManyChunks) {
    add_part(30'000, 1);
    expect_same_file(*parts_[0]);
}

TEST_F(PartWriterTest, TakesNoMoreMemoryThanItSaysForTheKeys) {
    add_part(30'000, 1'000'000);
    EXPECT_GE(part_file_working_bytes(*parts_[0]), parts_[0]->streams().size() * 24);
    EXPECT_LT(part_file_working_bytes(*parts_[0]), std::uint64_t{4} << 20);
    expect_same_file(*parts_[0]);
}

}  // namespace
}  // namespace chronos::index
