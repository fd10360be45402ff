// A store written long ago: it must open with the same events for ever, and the same work must still write its bytes.
//
//     golden/v1/<database>/MANIFEST, log/*.log   the files of a closed store; segments without the zeros at their ends
//     golden/v1/events.ndjson                    its events, one to_json() a line
//
// A change of what is written is a change of docs/formats/log.md. When it is meant, and the old store still opens:
//     CHRONOS_UPDATE_GOLDEN=1 formats_test
// writes the files anew; a change that an old program cannot read gets a new folder, and the old one stays.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "base/bytes.h"
#include "chronos/store.h"
#include "io/sim/sim_environment.h"
#include "simulation/sent_batch.h"
#include "store/database.h"

namespace chronos {
namespace {

namespace fs = std::filesystem;
using testing::SentBatch;
using testing::SentEvent;
using Files = std::map<std::string, std::string>;  // path below the store → content

constexpr const char* kDirectory = "/store";
constexpr std::uint64_t kSeed = 20260101;
constexpr std::size_t kFileSizeOffset = 48;  // of a segment header, docs/formats/log.md §2

fs::path golden_folder() { return fs::path(CHRONOS_SOURCE_DIR) / "tests/formats/golden/v1"; }

bool is_updating() { return std::getenv("CHRONOS_UPDATE_GOLDEN") != nullptr; }

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& content) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
}

/// The life of the golden store: everything a record can hold, rolls, a killed process, two closes.
class GoldenLife {
public:
    GoldenLife() {
        // The clock stands still between appends, so that readings of it are not part of the format.
        sim_.clock.set_step(0);
        options_.log.segment_size_min = 16 << 10;
        options_.log.segment_size_max = 32 << 10;
        options_.log.spare_count = 1;
        options_.with_threads = false;
        live();
    }

    /// What the life left, spares included; the lock and the filler have any content.
    Files files() const {
        Files files;
        for (const std::string& path : sim_.files.all_files()) {
            if (!path.ends_with(".log") && !path.ends_with("/MANIFEST")) continue;
            const std::vector<std::byte> bytes = sim_.files.file_contents(path).value();
            files[path.substr(std::strlen(kDirectory) + 1)] =
                std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        }
        return files;
    }

private:
    void open() {
        auto opened = store::Database::open(sim_.environment(), kDirectory, true, options_);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        database_ = std::move(opened).value();
    }

    std::shared_ptr<store::PendingAnswer> submit(const SentBatch& batch) {
        sim_.clock.advance(1'000'000);
        auto pending = database_->submit(std::move(batch.build().content()), batch.options, {}, false);
        EXPECT_TRUE(pending.ok()) << pending.error().message;
        return std::move(pending).value();
    }

    void append(const SentBatch& batch) {
        const auto pending = submit(batch);
        database_->wait(*pending);
        const auto answer = pending->take();
        EXPECT_TRUE(answer.ok()) << answer.error().message;
    }

    void live() {
        ASSERT_NO_FATAL_FAILURE(open());
        append({.events = {{.entity_id = "order:1",
                            .event_type = "order.placed",
                            .payload = R"({"total":42,"lines":[{"sku":"A"}]})"}}});
        append(with_everything());
        append(with_conditions());
        append({.events = {{.entity_id = "order:2", .event_type = "order.placed"}},
                .options = {.batch_id = Uuid::parse("b7e6a1f0-1111-4222-8333-abcdef000000").value()}});
        append({.events = {{.entity_id = "order:3", .event_type = "order.placed"}},
                .options = {.idempotency_key = "a key"}});
        append({.events = {{.entity_id = "order:2",
                            .event_type = "order.noted",
                            .payload = "{\"text\":\"" + std::string(4'500, 'x') + "\"}"}}});
        several_in_one_commit();
        ASSERT_TRUE(database_->maintain().ok());
        sim_.clock.advance(100'000'000);
        database_->mark_idle();
        append(many("order:4", 32));
        append(many("order:5", 32));  // rolls over
        ASSERT_TRUE(database_->maintain().ok());
        append(many("order:1", 3));
        database_.reset();
        sim_.files.crash(io::CrashMode::kKeepAll);  // the process is killed: the tail is written again
        ASSERT_NO_FATAL_FAILURE(open());
        append(many("order:6", 5));
        ASSERT_TRUE(database_->close().ok());
        ASSERT_NO_FATAL_FAILURE(open());
        append({.events = {{.entity_id = "order:1", .event_type = "order.closed", .payload = "null"}}});
        ASSERT_TRUE(database_->close().ok());
        database_.reset();
    }

    static SentBatch with_everything() {
        SentEvent event{.entity_id = "customer:Żółw 🐢", .event_type = "customer.registered"};
        event.payload = R"( {"name": "Żółw", "big": 12345678901234567890, "none": null} )";
        event.metadata = R"({"correlation_id":"c1","causation_id":"e0","actor":"ana","traceparent":"00-1"})";
        event.tags = {"country:pl", "vip", "country:pl"};
        event.id = Uuid::parse("0190a5d4-0000-7000-8000-000000000001").value();
        event.occurred_at = Timestamp::parse("1969-07-20T20:17:40.000000001Z").value();
        SentEvent later = event;
        later.event_type = "customer.renamed";
        later.payload = R"("only a text")";
        later.metadata.clear();
        later.id.reset();
        later.occurred_at = Timestamp::parse("2030-01-01T00:00:00+01:00").value();
        return {.events = {event, later}};
    }

    static SentBatch with_conditions() {
        SentBatch batch;
        batch.events.push_back({.entity_id = "order:1",
                                .event_type = "order.paid",
                                .payload = R"({"paid":true})",
                                .expected_version = ExpectedVersion::exactly(1)});
        batch.events.push_back(
            {.entity_id = "invoice:1", .event_type = "invoice.sent", .expected_version = ExpectedVersion::none()});
        Query query;
        query.items.push_back({.types = {"order.paid", "order.closed"}, .tags = {"vip"}});
        query.items.push_back({.types = {"invoice.sent"}, .tags = {}});
        batch.conditions.emplace_back(EntityCondition{"customer:Żółw 🐢", ExpectedVersion::exists()});
        batch.conditions.emplace_back(NoEventMatches{query, std::nullopt});
        batch.conditions.emplace_back(NoEventMatches{{.items = {}, .all = true}, Position{2}});
        return batch;
    }

    static SentBatch many(const std::string& entity, int count) {
        SentBatch batch;
        for (int i = 0; i < count; ++i)
            batch.events.push_back({.entity_id = entity,
                                    .event_type = "order.changed",
                                    .payload = "{\"n\":" + std::to_string(i) + "}",
                                    .tags = {"n:" + std::to_string(i % 7)}});
        return batch;
    }

    void several_in_one_commit() {
        std::vector<std::shared_ptr<store::PendingAnswer>> waiting;
        for (int i = 0; i < 4; ++i) waiting.push_back(submit(many("order:7", 1 + i)));
        for (const auto& pending : waiting) {
            database_->wait(*pending);
            EXPECT_TRUE(pending->take().ok());
        }
    }

    io::SimEnvironment sim_{kSeed};
    store::DatabaseOptions options_;
    std::unique_ptr<store::Database> database_;
};

/// A segment up to its last byte that is not zero; another file as it is.
std::string used_part(const std::string& path, const std::string& content) {
    return path.ends_with(".log") ? content.substr(0, content.find_last_not_of('\0') + 1) : content;
}

/// Puts the golden store below `directory`, files at their full size.
void restore_golden(const fs::path& directory) {
    const fs::path golden = golden_folder();
    ASSERT_TRUE(fs::exists(golden)) << golden;
    for (const auto& entry : fs::recursive_directory_iterator(golden)) {
        if (!entry.is_regular_file() || entry.path().extension() == ".ndjson") continue;
        std::string content = read_file(entry.path());
        if (entry.path().extension() == ".log")
            content.resize(
                base::load<std::uint64_t>(reinterpret_cast<const std::byte*>(content.data()) + kFileSizeOffset));
        write_file(directory / fs::relative(entry.path(), golden), content);
    }
}

std::string all_events(const Store& store) {
    std::string lines;
    Page page;
    ReadOptions options;
    do {
        EXPECT_TRUE(store.view()->read(options, page).ok());
        for (const EventView& event : page.events()) lines += to_json(event) + "\n";
        options.cursor = page.next_cursor();
    } while (page.has_more());
    return lines;
}

class GoldenStore : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "chronos-golden-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
        if (is_updating()) update();
        ASSERT_NO_FATAL_FAILURE(restore_golden(directory_ / "store"));
    }
    void TearDown() override { fs::remove_all(directory_); }

    [[nodiscard]] OpenOptions options() const {
        return {.directory = (directory_ / "store").string(), .create_if_missing = false, .accept_clock = true};
    }

    void update() {
        fs::remove_all(golden_folder());
        for (const auto& [path, content] : GoldenLife().files())
            write_file(golden_folder() / path, used_part(path, content));
        ASSERT_NO_FATAL_FAILURE(restore_golden(directory_ / "store"));
        {
            const auto store = Store::open(options());
            ASSERT_TRUE(store.ok()) << store.error().message;
            write_file(golden_folder() / "events.ndjson", all_events(*store));
        }
        fs::remove_all(directory_ / "store");
    }

    fs::path directory_;
};

TEST_F(GoldenStore, OpensWithTheSameEventsForEver) {
    const auto store = Store::open(options());
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ(all_events(*store), read_file(golden_folder() / "events.ndjson"));
}

TEST_F(GoldenStore, IsIntact) {
    const auto report = verify(options().directory);
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(report->intact) << (report->findings.empty() ? "" : report->findings[0].what);
}

TEST_F(GoldenStore, GoesOnWhereItStopped) {
    const std::string before = read_file(golden_folder() / "events.ndjson");
    std::string after;
    {
        auto store = Store::open(options());
        ASSERT_TRUE(store.ok()) << store.error().message;
        NewEvent event;
        event.entity_id = "order:1";
        event.event_type = "order.opened_again";
        const auto answer = store->append(event, ExpectedVersion::exists());
        ASSERT_TRUE(answer.ok()) << answer.error().message;
        after = all_events(*store);
    }
    EXPECT_TRUE(after.starts_with(before));
    EXPECT_EQ(std::count(after.begin(), after.end(), '\n'), std::count(before.begin(), before.end(), '\n') + 1);
    const auto store = Store::open(options());
    ASSERT_TRUE(store.ok()) << store.error().message;
    EXPECT_EQ(all_events(*store), after);
}

TEST_F(GoldenStore, IsStillWrittenWithTheSameBytes) {
    const Files written = GoldenLife().files();
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / "store")) {
        if (!entry.is_regular_file()) continue;
        const std::string path = fs::relative(entry.path(), directory_ / "store").string();
        const std::string golden = read_file(entry.path());
        ASSERT_TRUE(written.contains(path)) << path << " is not written any more";
        const std::string& content = written.at(path);
        const auto differs = std::mismatch(golden.begin(), golden.end(), content.begin(), content.end());
        EXPECT_TRUE(golden == content) << path << " differs from byte " << differs.first - golden.begin()
                                       << "; see docs/formats/log.md and the head of this test";
        ++found;
    }
    EXPECT_EQ(found, written.size());
}

}  // namespace
}  // namespace chronos
