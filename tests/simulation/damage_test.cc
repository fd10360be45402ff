// Damaged files: a store opens with exactly the right content, or says that it is damaged. Nothing in between.
#include <gtest/gtest.h>

#include <map>

#include "base/bytes.h"
#include "simulation/replay.h"
#include "simulation/session.h"
#include "store/offline.h"

namespace chronos {
namespace {

using testing::Session;
using Files = std::map<std::string, std::vector<std::byte>>;

/// A store of several segments. Closed, or left as a killed process leaves it.
struct Specimen {
    Specimen(std::uint64_t seed, bool is_closed) : session(seed, testing::small_options(16 << 10, 32 << 10)) {
        must(session.open());
        const auto work = [&](int count) {
            for (int i = 0; i < count; ++i) {
                must(session.append(session.workload.next(session.oracle)));
                if (i % 8 == 7) (void)session.database->maintain();
            }
        };
        work(30);
        must(session.close_and_open());
        work(30);
        earlier = all_contents();
        work(30);
        testing::SentBatch last;
        last.events.push_back({.entity_id = "order:1", .event_type = "order.closed"});
        must(session.append(last));
        if (is_closed) must(session.close());
        disk = session.sim.files.clone();
        session.drop();
    }

    Files all_contents() {
        Files files;
        for (const std::string& path : session.sim.files.all_files())
            files[path] = std::move(session.sim.files.file_contents(path)).value();
        return files;
    }

    static void must(const std::string& wrong) { ASSERT_EQ(wrong, ""); }

    /// Opens a damaged copy and says what is wrong with the outcome.
    std::string judge(io::SimFileSystem& files, const std::string& what) {
        auto opened = store::Database::open({files, session.sim.clock, session.sim.random}, testing::kStoreDirectory,
                                            false, session.options);
        if (opened.ok()) {
            const std::string wrong = session.oracle.matches_store(**opened);
            const bool is_found = testing::is_found_damage(wrong);
            ++(is_found ? refused_count : opened_count);
            if (is_found) return "";
            return wrong.empty() ? "" : what + ": opened, with " + wrong;
        }
        ++refused_count;
        const Error& error = opened.error();
        if (error.code != ErrorCode::kCorrupt && error.code != ErrorCode::kUnsupported)
            return what + ": refused with " + std::string(error_code_name(error.code)) + ": " + error.message;
        if (error.message.find(".log") == std::string::npos && error.message.find("MANIFEST") == std::string::npos)
            return what + ": refused without naming a file: " + error.message;
        return "";
    }

    Session session;
    Files earlier;
    std::unique_ptr<io::SimFileSystem> disk;
    int opened_count = 0;
    int refused_count = 0;
};

std::string flip_bits(std::uint64_t seed, std::uint64_t count, bool is_closed) {
    Specimen specimen(7, is_closed);
    if (!is_closed) specimen.session.oracle.allow_loss_of_last(1);
    std::vector<std::pair<std::string, std::uint64_t>> sizes;
    for (const std::string& path : specimen.disk->all_files())
        if (path.ends_with(".log") || path.ends_with(".idx") || path.ends_with("MANIFEST"))
            sizes.emplace_back(path, specimen.disk->file_contents(path)->size());
    io::Prng prng(seed);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto& [path, size] = sizes[prng.below(sizes.size())];
        const std::uint64_t bit = prng.below(size * 8);
        const auto files = specimen.disk->clone();
        if (!files->flip_bit(path, bit).ok()) return "cannot flip a bit of " + path;
        const std::string what =
            "bit " + std::to_string(bit % 8) + " of byte " + std::to_string(bit / 8) + " of " + path;
        if (std::string wrong = specimen.judge(*files, what); !wrong.empty()) return wrong;
    }
    if (specimen.opened_count == 0 || specimen.refused_count == 0) return "the flips do not reach both outcomes";
    return "";
}

constexpr std::uint64_t kFlipsPerSeed = 500;

TEST(BitFlip, InAClosedStoreIsFoundOrDoesNoHarm) {
    testing::for_each_seed(1, [](std::uint64_t seed) { return flip_bits(seed, kFlipsPerSeed, true); });
}

TEST(BitFlip, SlowInAClosedStoreIsFoundOrDoesNoHarm) {
    testing::for_each_seed(30, [](std::uint64_t seed) { return flip_bits(seed, kFlipsPerSeed, true); });
}

// What looks like a torn write of the very last commit cannot be told from one (docs/formats/log.md §6).
TEST(BitFlip, SlowInAKilledStoreCostsAtMostTheLastCommit) {
    testing::for_each_seed(10, [](std::uint64_t seed) { return flip_bits(seed, kFlipsPerSeed, false); });
}

TEST(BitFlip, TortureInAClosedStoreIsFoundOrDoesNoHarm) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    testing::for_each_seed(4'000, [](std::uint64_t seed) { return flip_bits(seed, kFlipsPerSeed, true); });
}

class DamagedFiles : public ::testing::Test {
protected:
    void put(io::SimFileSystem& files, const std::string& path, std::span<const std::byte> bytes) {
        (void)files.remove_file(path);
        auto file = files.open(path, io::OpenMode::kCreate);
        ASSERT_TRUE(file.ok());
        ASSERT_TRUE((*file)->write_at(0, bytes).ok());
    }
    std::vector<std::string> store_files() {
        std::vector<std::string> paths;
        for (const std::string& path : specimen.disk->all_files())
            if (path.ends_with(".log") || path.ends_with("MANIFEST")) paths.push_back(path);
        return paths;
    }
    std::vector<std::byte> contents(const std::string& path) { return specimen.disk->file_contents(path).value(); }

    Specimen specimen{11, true};
};

TEST(Scrub, FindsDamageInSealedFilesAndOnlyThere) {
    Session session(5, testing::small_options(16 << 10, 16 << 10));
    ASSERT_EQ(session.open(), "");
    for (int i = 0; i < 80; ++i) ASSERT_EQ(session.append(session.workload.next(session.oracle)), "");
    ASSERT_TRUE(session.database->maintain().ok());
    const auto pass = [&] {
        while (session.database->scrub() > 0) {
        }
        return session.database->scrubber().findings();
    };
    EXPECT_TRUE(pass().empty());
    EXPECT_GT(session.database->scrubber().bytes(), 32U << 10);
    std::string log;
    std::string index;
    for (const std::string& path : session.sim.files.all_files()) {
        if (log.empty() && path.ends_with("000001.log")) log = path;
        if (index.empty() && path.ends_with(".idx")) index = path;
    }
    ASSERT_TRUE(session.sim.files.flip_bit(log, 9'000 * 8).ok());
    ASSERT_TRUE(session.sim.files.flip_bit(index, 300 * 8).ok());
    const std::vector<std::string> findings = pass();
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_NE(findings[0].find("log/000001.log at offset 0"), std::string::npos) << findings[0];
    EXPECT_NE(findings[1].find(".idx"), std::string::npos) << findings[1];
    ASSERT_TRUE(session.sim.files.flip_bit(log, 9'000 * 8).ok());
    EXPECT_EQ(session.close_and_open(), "");
    EXPECT_TRUE(pass().empty());
}

/// A store whose index files can be damaged while it is open.
class DamagedIndex : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(session.open(), "");
        work(80);
        files = index_files();
        ASSERT_GT(files.size(), 1U);
    }
    void work(int count) {
        for (int i = 0; i < count; ++i) {
            ASSERT_EQ(session.append(session.workload.next(session.oracle)), "");
            if (i % 8 == 7) maintain();
        }
    }
    std::vector<std::string> index_files() {
        std::vector<std::string> paths;
        for (const std::string& path : session.sim.files.all_files())
            if (path.ends_with(".idx")) paths.push_back(path);
        return paths;
    }
    /// Damages the first block of a file, and looks whether that is met.
    void damage(const std::string& path) {
        ASSERT_TRUE(session.sim.files.flip_bit(path, 300 * 8).ok());
        while (session.database->scrub() > 0) {
        }
        ASSERT_TRUE(session.database->keeper().has_damaged());
    }
    void maintain() { EXPECT_TRUE(session.database->maintain().ok()); }
    std::uint64_t repairs() const { return session.database->keeper().repairs(); }

    Session session{5, testing::small_options(16 << 10, 16 << 10)};
    std::vector<std::string> files;
};

TEST_F(DamagedIndex, IsMadeAgainFromTheLogWhileTheStoreIsOpen) {
    for (const std::string& path : files) {
        const auto before = session.sim.files.file_contents(path).value();
        const std::uint64_t repairs_before = repairs();
        damage(path);
        ASSERT_TRUE(session.database->maintain().ok());
        EXPECT_EQ(repairs(), repairs_before + 1);
        EXPECT_FALSE(session.database->keeper().has_damaged());
        EXPECT_EQ(session.compare(), "") << path;
        // A file of one segment is written with the same bytes again.
        const auto after = session.sim.files.file_contents(path);
        const auto segments = index::parse_index_file_name(path.substr(path.rfind('/') + 1)).value();
        if (segments.first_segment == segments.last_segment && after.ok()) {
            EXPECT_TRUE(*after == before) << path;
        }
    }
    EXPECT_EQ(session.close_and_open(), "");
}

TEST_F(DamagedIndex, StopsNoMerge) {
    const std::uint64_t merges_before = session.database->keeper().merges();
    damage(files.front());
    damage(files.back());
    work(60);
    EXPECT_GE(repairs(), 2U);
    EXPECT_GT(session.database->keeper().merges(), merges_before);
    EXPECT_EQ(session.compare(), "");
    // Merging catches up, over what was damaged as well.
    for (int i = 0; i < 40; ++i) maintain();
    EXPECT_LT(index_files().size(), files.size());
}

TEST_F(DamagedIndex, WhoseSegmentIsDamagedTooIsLeftAndOthersAreMerged) {
    std::string log;
    for (const std::string& path : session.sim.files.all_files())
        if (path.ends_with("000001.log")) log = path;
    const std::uint64_t merges_before = session.database->keeper().merges();
    ASSERT_TRUE(session.sim.files.flip_bit(log, 9'000 * 8).ok());
    damage(files.front());
    for (int i = 0; i < 200; ++i) {  // Nothing that asks for what is damaged.
        testing::SentBatch batch;
        batch.events.push_back({.entity_id = "new", .event_type = "order.changed", .payload = std::string(900, '1')});
        ASSERT_EQ(session.append(batch), "");
        if (i % 8 == 7) maintain();
    }
    EXPECT_EQ(repairs(), 0U);
    EXPECT_TRUE(*session.sim.files.exists(files.front()));
    EXPECT_GT(session.database->keeper().merges(), merges_before);
}

TEST_F(DamagedIndex, IsMadeAgainLaterWhenThereIsNoRoom) {
    damage(files.front());
    session.sim.files.fail_every(io::FaultKind::kNoSpace, 1.0);
    (void)session.database->maintain();
    session.sim.files.clear_faults();
    EXPECT_EQ(repairs(), 0U);
    ASSERT_TRUE(session.database->maintain().ok());
    EXPECT_EQ(repairs(), 1U);
    EXPECT_EQ(session.compare(), "");
}

TEST_F(DamagedFiles, AMissingFileIsNamed) {
    for (const std::string& path : store_files()) {
        const auto files = specimen.disk->clone();
        ASSERT_TRUE(files->remove_file(path).ok());
        EXPECT_EQ(specimen.judge(*files, "without " + path), "");
    }
    EXPECT_EQ(specimen.opened_count, 0);
}

TEST_F(DamagedFiles, ATruncatedFileIsRefused) {
    for (const std::string& path : store_files()) {
        for (const std::uint64_t part : {0U, 1U, 2U, 3U}) {
            const auto files = specimen.disk->clone();
            const auto bytes = contents(path);
            put(*files, path, std::span(bytes).first(bytes.size() * part / 4));
            EXPECT_EQ(specimen.judge(*files, path + " cut to " + std::to_string(part) + "/4"), "");
        }
    }
    EXPECT_EQ(specimen.opened_count, 0);
}

TEST_F(DamagedFiles, ACopyUnderAnotherNumberIsSetAside) {
    for (const std::string& path : store_files()) {
        if (path.find(".log") == std::string::npos) continue;
        const auto files = specimen.disk->clone();
        put(*files, path.substr(0, path.rfind('/')) + "/000777.log", contents(path));
        EXPECT_EQ(specimen.judge(*files, "a copy of " + path), "");
    }
    EXPECT_EQ(specimen.refused_count, 0);
}

TEST_F(DamagedFiles, SwappedFilesAreRefused) {
    const auto paths = store_files();
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            const auto files = specimen.disk->clone();
            put(*files, paths[i], contents(paths[k]));
            put(*files, paths[k], contents(paths[i]));
            EXPECT_EQ(specimen.judge(*files, paths[i] + " and " + paths[k] + " swapped"), "");
        }
    }
    EXPECT_EQ(specimen.opened_count, 0);
}

TEST_F(DamagedFiles, SwappedBlocksAreFoundOrDoNoHarm) {
    for (const std::string& path : store_files()) {
        const auto bytes = contents(path);
        for (std::size_t a = 0; a + 4096 <= bytes.size(); a += 4096) {
            for (std::size_t b = a + 4096; b + 4096 <= bytes.size(); b += 4096) {
                const auto block = [&](std::size_t at) { return std::span(bytes).subspan(at, 4096); };
                if (std::equal(block(a).begin(), block(a).end(), block(b).begin())) continue;
                const auto files = specimen.disk->clone();
                ASSERT_TRUE(files->corrupt(path, a, block(b)).ok());
                ASSERT_TRUE(files->corrupt(path, b, block(a)).ok());
                const std::string what =
                    path + ": blocks at " + std::to_string(a) + " and " + std::to_string(b) + " swapped";
                EXPECT_EQ(specimen.judge(*files, what), "");
            }
        }
    }
}

TEST_F(DamagedFiles, AnOldVersionOfABlockIsFoundOrDoesNoHarm) {
    int changed = 0;
    for (const auto& [path, old] : specimen.earlier) {
        if (path.find(".log") == std::string::npos || !specimen.disk->exists(path).value()) continue;
        const auto bytes = contents(path);
        for (std::size_t at = 0; at + 4096 <= std::min(old.size(), bytes.size()); at += 4096) {
            const auto block = std::span(old).subspan(at, 4096);
            if (std::equal(block.begin(), block.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at))) continue;
            ++changed;
            const auto files = specimen.disk->clone();
            ASSERT_TRUE(files->corrupt(path, at, block).ok());
            EXPECT_EQ(specimen.judge(*files, path + ": the block at " + std::to_string(at) + " as it was"), "");
        }
    }
    EXPECT_GT(changed, 0);
}

TEST_F(DamagedFiles, AnOldVersionOfAFileIsFoundOrDoesNoHarm) {
    for (const auto& [path, old] : specimen.earlier) {
        if (!path.ends_with(".log") && !path.ends_with("MANIFEST")) continue;
        if (!specimen.disk->exists(path).value()) continue;
        const auto files = specimen.disk->clone();
        put(*files, path, old);
        EXPECT_EQ(specimen.judge(*files, path + " as it was"), "");
    }
}

// Two histories of one store that differ in one batch: each record checks by itself, in its place.
TEST(DamagedBlock, OfAnotherHistoryIsFound) {
    const auto live = [](Session& session, const std::string& second) {
        Specimen::must(session.open());
        for (const std::string& payload : {std::string("1"), second, std::string("3"), std::string("4")}) {
            testing::SentBatch batch;
            batch.events.push_back({.entity_id = "order:1", .event_type = "order.changed", .payload = payload});
            Specimen::must(session.append(batch));
        }
    };
    Session session(5, testing::small_options(64 << 10));
    Session other(5, testing::small_options(64 << 10));
    live(session, "2");
    live(other, "7");
    std::string path;
    for (const std::string& file : session.sim.files.all_files())
        if (file.ends_with("000001.log")) path = file;
    const auto bytes = session.sim.files.file_contents(path).value();
    const auto other_bytes = other.sim.files.file_contents(path).value();
    const auto block = [](const std::vector<std::byte>& file, std::size_t at) {
        return std::span(file).subspan(at, 4096);
    };
    std::size_t at = 0;  // of the record with the second batch
    while (base::as_text(block(bytes, at)) == base::as_text(block(other_bytes, at))) at += 4096;
    session.drop();
    ASSERT_TRUE(session.sim.files.corrupt(path, at, block(other_bytes, at)).ok());
    const auto opened =
        store::Database::open(session.sim.environment(), testing::kStoreDirectory, false, session.options);
    ASSERT_FALSE(opened.ok()) << "serves a batch that was never sent";
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

/// A store whose manifest is the one of an earlier life; no segment was made since.
class OldManifest : public ::testing::Test {
protected:
    void live(bool ends_clean) {
        Specimen::must(session.open());
        append();
        if (!ends_clean) {
            session.database->mark_idle();
            session.sim.files.fail_every(io::FaultKind::kEio, 1.0);
            session.drop();
            session.sim.files.clear_faults();
        } else {
            Specimen::must(session.close());
        }
        for (const std::string& file : session.sim.files.all_files())
            if (file.ends_with("MANIFEST")) path = file;
        const auto old = session.sim.files.file_contents(path).value();
        Specimen::must(session.open());
        append();
        Specimen::must(session.close());
        ASSERT_TRUE(session.sim.files.corrupt(path, 0, old).ok());
    }
    void append() {
        testing::SentBatch batch;
        batch.events.push_back({.entity_id = "order:1", .event_type = "order.changed"});
        Specimen::must(session.append(batch));
    }

    Session session{5, testing::small_options(64 << 10)};
    std::string path;
};

TEST_F(OldManifest, OfALifeThatEndedCleanIsNotTakenForTheEnd) {
    live(true);
    const auto opened =
        store::Database::open(session.sim.environment(), testing::kStoreDirectory, false, session.options);
    if (opened.ok()) {
        EXPECT_EQ(session.oracle.matches_store(**opened), "");
    }
}

TEST_F(OldManifest, OfALifeThatWasKilledIsVerified) {
    live(false);
    const testing::RepeatOnAbort guard(1, 10);
    const auto report = store::verify(session.sim.environment(), testing::kStoreDirectory, {});
    ASSERT_TRUE(report.ok());
    EXPECT_FALSE(report->damages.empty());
}

}  // namespace
}  // namespace chronos
