// A store to whose log a group of batches is appended, until the power goes: it opens with all of them or with none.
#include <gtest/gtest.h>

#include <cstring>

#include "base/bytes.h"
#include "event/batch_content.h"
#include "event/body.h"
#include "simulation/session.h"
#include "store/offline.h"

namespace chronos {
namespace {

constexpr std::size_t kGroupCount = 12;
constexpr std::uint64_t kFirstCount = 5;

store::DatabaseOptions options() { return testing::small_options(16 << 10, 32 << 10); }

std::unique_ptr<store::Database> open(io::SimEnvironment& world, io::SimFileSystem& files) {
    auto opened = store::Database::open({files, world.clock, world.random}, testing::kStoreDirectory, true, options());
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return opened.ok() ? std::move(opened).value() : nullptr;
}

void append_events(store::Database& database, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        BatchBuilder builder;
        builder.add(
            {.entity_id = "single", .event_type = "t", .payload = R"({"text":")" + std::string(2'000, 's') + "\"}"});
        ASSERT_TRUE(database.append(std::move(builder.content()), {}).ok());
        ASSERT_TRUE(database.maintain().ok());
    }
}

/// A body as the store would have made it.
std::vector<std::byte> body_of(const Uuid& database, std::uint64_t position, std::int64_t recorded_at) {
    BatchBuilder builder;
    builder.add(
        {.entity_id = "grouped", .event_type = "t", .payload = R"({"text":")" + std::string(5'000, 'g') + "\"}"});
    auto& events = builder.content().events;
    base::store(events.data() + offsetof(event::EventHeader, body_distance), std::uint32_t{event::kBodyHeaderSize / 8});
    event::BodyHeader header;
    header.event_count = 1;
    header.batch_id.bytes[0] = static_cast<std::byte>(position + 1);
    header.recorded_at = recorded_at;
    header.first_position = position;
    header.database = database;
    header.events_size = events.size();
    std::vector<std::byte> body(sizeof(header) + events.size());
    base::store(body.data(), header);
    std::memcpy(body.data() + sizeof(header), events.data(), events.size());
    return body;
}

/// Appends a group to the log of a closed store, and a record behind it; whether all of it is durable.
bool append_group(io::SimEnvironment& world, io::SimFileSystem& files, const std::string& folder) {
    std::uint64_t seq = 0;
    std::uint64_t position = 0;
    std::int64_t recorded_at = 0;
    wal::RecoveryOptions recovery;
    recovery.on_batch = [&](const wal::RecoveredBatch& batch) -> Status {
        const event::BodyHeader header = event::BodyView(batch.body).header();
        seq += header.event_count;
        if (header.branch == event::kMainBranch) position += header.event_count;
        recorded_at = header.recorded_at + 1;
        return {};
    };
    cache::ImageCache cache(std::uint64_t{1} << 20);
    auto log = wal::Log::open({files, world.clock, world.random}, folder, options().log, cache, recovery);
    if (!log.ok()) return false;
    const auto commit = [&] {
        while ((*log)->has_pending())
            if (!(*log)->write((*log)->cut(), true).ok()) return false;
        return true;
    };
    const std::size_t body_size = body_of((*log)->database(), 0, 0).size();
    const std::vector<std::size_t> sizes(kGroupCount, body_size);
    if (!(*log)->make_room(sizes).ok()) return false;
    (*log)->begin_group(kGroupCount);
    for (std::size_t i = 0; i < kGroupCount; ++i) {
        auto place = (*log)->reserve(body_size);
        if (!place.ok()) return false;
        std::memcpy(*place, body_of((*log)->database(), position++, recorded_at).data(), body_size);
        (*log)->append(seq++, 1, body_size);
    }
    return commit() && (*log)->seal_finished().ok() && (*log)->append_marker(seq, false).ok() && commit();
}

/// A store after the power went holds all of the group or nothing, and goes on. `begin_seq` is where the group begins.
void opens_whole(io::SimEnvironment& world, io::SimFileSystem& files, std::uint64_t begin_seq, bool is_durable) {
    std::uint64_t end_seq = 0;
    for (int life = 0; life < 3; ++life) {
        const auto database = open(world, files);
        ASSERT_NE(database, nullptr);
        const std::uint64_t found = database->published_seq();
        if (life == 0) {
            ASSERT_TRUE(found == begin_seq + kGroupCount || (found == begin_seq && !is_durable)) << found;
        } else {
            ASSERT_EQ(found, end_seq);
        }
        append_events(*database, 4);
        end_seq = found + 4;
        if (life > 0) {
            ASSERT_TRUE(database->close().ok());
        } else {  // This process dies.
            files.fail_every(io::FaultKind::kEio, 1.0);
            (void)database->close();
            files.clear_faults();
        }
    }
    const auto report = store::verify({files, world.clock, world.random}, testing::kStoreDirectory, {});
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(report->damages.empty()) << report->damages.front().to_string();
    EXPECT_EQ(report->event_count, end_seq - (begin_seq - kFirstCount));  // Those on main.
    EXPECT_EQ(report->lost_event_count, 0U);
}

TEST(GroupCrash, AStoreOpensWithAllOfAGroupOrNothing) {
    io::SimEnvironment world(1);
    std::string folder;
    std::uint64_t begin_seq = 0;
    {
        const auto database = open(world, world.files);
        ASSERT_NE(database, nullptr);
        append_events(*database, kFirstCount);
        folder = std::string(testing::kStoreDirectory) + "/" + database->log().database().to_string();
        begin_seq = database->published_seq();
        ASSERT_TRUE(database->close().ok());
    }
    const auto whole = world.files.clone();
    const std::uint64_t begin = whole->op_count();
    ASSERT_TRUE(append_group(world, *whole, folder));
    const std::uint64_t end = whole->op_count();
    for (std::uint64_t op = begin; op <= end; ++op) {
        const auto files = world.files.clone();
        files->reseed(op);
        files->crash_at_op(op, {.torn = op % 2 == 0});
        const bool is_durable = append_group(world, *files, folder);
        files->crash(testing::kCrashModes[op % std::size(testing::kCrashModes)]);
        opens_whole(world, *files, begin_seq, is_durable);
        ASSERT_FALSE(::testing::Test::HasFailure()) << "operation " << op;
    }
}

}  // namespace
}  // namespace chronos
