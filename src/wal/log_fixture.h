// A log in a simulated world, and what a reader of its batches saw: for tests.
//
// Threads: used by one thread at a time.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "event/batch_content.h"
#include "event/body.h"
#include "io/sim/sim_environment.h"
#include "wal/log.h"

namespace chronos::wal {

inline constexpr std::uint64_t kSegmentSize = std::uint64_t{64} << 10;
inline const LogOptions kTiny{.segment_size_min = kSegmentSize, .segment_size_max = kSegmentSize, .spare_count = 1};
inline const Uuid kDatabase = *Uuid::parse("0190b8a0-0000-7000-8000-000000000001");
/// What stands in the place of the payload of a removed event.
inline constexpr std::string_view kRemovedText = "(removed)";
inline const std::string kFolder = "data/0190b8a0-0000-7000-8000-000000000001";

class LogFixture : public testing::Test {
protected:
    LogFixture() {
        EXPECT_TRUE(world_.files.make_directory("data").ok());
        EXPECT_TRUE(world_.files.sync_directory(".").ok());
    }

    void create() { ASSERT_TRUE(Log::create(world_.environment(), kFolder, kDatabase, options_).ok()); }

    Result<std::unique_ptr<Log>> open() { return open_in(world_.files); }

    Result<std::unique_ptr<Log>> open_in(io::SimFileSystem& files, RecoveryOptions recovery = {}) {
        payloads_.clear();
        next_seq_ = next_position_ = recovery.known.empty() ? 0 : recovery.known.back().end_seq;
        recovery.on_batch = [&](const RecoveredBatch& batch) -> Status {
            EXPECT_EQ(batch.first_seq, next_seq_);
            if (batch.stub != nullptr) {
                const auto stub = base::load<RemovedRecord>(batch.stub);
                EXPECT_EQ(stub.first_seq, next_seq_);
                for (std::uint32_t i = 0; i < stub.event_count; ++i) payloads_.emplace_back(kRemovedText);
                next_seq_ += stub.event_count;
                return {};
            }
            event::BodyView(batch.body).for_each_event([&](const event::EventBytes& event) {
                payloads_.emplace_back(event.payload());
                ++next_seq_;
                ++next_position_;
            });
            return {};
        };
        return Log::open({files, world_.clock, world_.random}, kFolder, options_, cache_, recovery);
    }

    /// The body of a batch of one event, which would come next.
    [[nodiscard]] std::vector<std::byte> body_of(std::string_view payload) const {
        BatchBuilder builder;
        builder.add({.entity_id = "e", .event_type = "t", .payload = payload});
        auto& events = builder.content().events;
        base::store(events.data() + offsetof(event::EventHeader, body_distance),
                    std::uint32_t{event::kBodyHeaderSize / 8});
        event::BodyHeader header;
        header.event_count = 1;
        header.database = kDatabase;
        header.first_position = next_position_;
        header.events_size = events.size();
        std::vector<std::byte> body(sizeof(header) + events.size());
        base::store(body.data(), header);
        std::memcpy(body.data() + sizeof(header), events.data(), events.size());
        return body;
    }

    /// Appends one event; not yet committed.
    Status append(Log& log, std::string_view payload) {
        const std::vector<std::byte> body = body_of(payload);
        auto place = log.reserve(body.size());
        if (!place.ok()) return place.error();
        std::memcpy(*place, body.data(), body.size());
        record_offset_ = log.append(next_seq_++, 1, body.size()) - kEnvelopeSize;
        ++next_position_;
        return {};
    }

    static Status commit(Log& log, bool sync = true) {
        while (log.has_pending())
            if (Status written = log.write(log.cut(), sync); !written.ok()) return written;
        return {};
    }

    /// Leaves no room for a further byte.
    void fill_disk() {
        std::uint64_t used = 0;
        for (const std::string& path : world_.files.all_files()) used += world_.files.file_contents(path)->size();
        world_.files.set_capacity(used);
    }

    static std::string segment_path(int number) { return kFolder + "/log/00000" + std::to_string(number) + ".log"; }

    LogOptions options_ = kTiny;
    io::SimEnvironment world_{1};
    cache::ImageCache cache_{std::uint64_t{1} << 30};
    std::vector<std::string> payloads_;
    std::uint64_t next_seq_ = 0;
    std::uint64_t next_position_ = 0;
    std::uint64_t record_offset_ = 0;  // of the record appended last
};

}  // namespace chronos::wal
