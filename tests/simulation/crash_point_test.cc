// The power goes at every single operation of a standard life of a store, and again while it recovers.
#include <gtest/gtest.h>

#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using testing::Oracle;
using testing::SentBatch;
using testing::Session;

SentBatch batch_of(std::size_t count, std::size_t payload_size, int number) {
    SentBatch batch;
    for (std::size_t i = 0; i < count; ++i)
        batch.events.push_back(
            {.entity_id = "account:" + std::to_string(i % 3),
             .event_type = "account.credited",
             .payload = "{\"n\":" + std::to_string(number) + ",\"text\":\"" + std::string(payload_size, 'x') + "\"}",
             .tags = {"bank:1"}});
    batch.options.idempotency_key = "standard-" + std::to_string(number);
    return batch;
}

/// Create, append, commit in groups, roll over segments, spares, seals, markers, close, open again, go on.
/// Stops early when the power is gone.
std::string live(Session& session) {
    int number = 0;
    for (int life = 0; life < 3; ++life) {
        if (std::string wrong = session.open(); !wrong.empty()) return wrong;
        if (session.database == nullptr) return "";
        for (int i = 0; i < 6; ++i) {
            SentBatch small = batch_of(3, 40, number++);
            if (i % 3 == 2) small.options.durability = Durability::kOs;
            if (std::string wrong = session.append(small); !wrong.empty()) return wrong;
            for (int k = 0; k < 3; ++k)
                if (std::string wrong = session.submit(batch_of(1, 900, number++)); !wrong.empty()) return wrong;
            if (std::string wrong = session.settle(); !wrong.empty()) return wrong;
            if (i == 3) session.database->mark_idle();
            if (i % 2 == 1) (void)session.database->maintain();
        }
        if (std::string wrong = session.append(batch_of(2, 9'000, number++)); !wrong.empty()) return wrong;
        if (life == 1) {  // This process dies; the others close.
            session.sim.files.fail_every(io::FaultKind::kEio, 1.0);
            session.drop();
            session.sim.files.clear_faults();
        } else if (std::string wrong = session.close(); !wrong.empty()) {
            return wrong;
        }
    }
    return "";
}

std::string reopen(io::SimFileSystem& files, Session& session, Oracle oracle, bool& opened) {
    auto database = store::Database::open({files, session.sim.clock, session.sim.random}, testing::kStoreDirectory,
                                          true, session.options);
    opened = database.ok();
    if (!opened) return files.is_powered_off() ? "" : "does not open: " + database.error().message;
    const std::string wrong = oracle.recovered(**database);
    if (!testing::is_failed_read(wrong) || !files.is_powered_off()) return wrong;
    opened = false;  // The power went while it was compared.
    return "";
}

std::string cut_at(std::uint64_t op_index, bool torn) {
    Session session(op_index, testing::small_options());
    session.sim.files.crash_at_op(op_index, {.torn = torn});
    if (std::string wrong = live(session); !wrong.empty()) return wrong;
    session.drop();
    io::Prng prng(op_index);
    for (const io::CrashMode mode : testing::kCrashModes) {
        const std::string at = " after crash mode " + std::to_string(static_cast<int>(mode)) + (torn ? ", torn" : "");
        bool opened = false;
        const auto files = session.sim.files.clone();
        files->reseed(op_index);
        files->crash(mode);
        const auto again = files->clone();
        if (std::string wrong = reopen(*files, session, session.oracle, opened); !wrong.empty()) return wrong + at;

        again->crash_at_op(again->op_count() + prng.below(files->op_count() - again->op_count()), {.torn = torn});
        if (std::string wrong = reopen(*again, session, session.oracle, opened); !wrong.empty()) return wrong + at;
        again->crash(testing::kCrashModes[prng.below(std::size(testing::kCrashModes))]);
        if (std::string wrong = reopen(*again, session, session.oracle, opened); !wrong.empty())
            return wrong + at + ", cut again during recovery";
    }
    return "";
}

TEST(CrashPoint, SlowEveryOperationOfAStandardLifeMayBeTheLast) {
    Session whole(1, testing::small_options());
    ASSERT_EQ(live(whole), "");
    const std::uint64_t op_count = whole.sim.files.op_count();
    ASSERT_GT(op_count, 150U);
    ASSERT_GT(whole.sim.files.all_files().size(), 5U) << "the standard life has to roll over segments";
    // The seed is the operation at which the power goes.
    testing::for_each_seed(op_count + 1, [](std::uint64_t seed) {
        std::string wrong = cut_at(seed - 1, false);
        return wrong.empty() ? cut_at(seed - 1, true) : wrong;
    });
}

}  // namespace
}  // namespace chronos
