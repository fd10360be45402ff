// Calls of the operating system that fail or lie, one at a time and everywhere: what then is refused, unknown, kept.
#include <gtest/gtest.h>

#include "io/sim/sim_error.h"
#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using io::FaultKind;
using testing::Oracle;
using testing::Session;

constexpr int kSteps = 40;

/// What a session's store holds, opened in a copy of its disk after `crash` there, if any.
std::string reopened_copy(Session& session, std::optional<io::CrashMode> crash) {
    const auto files = session.sim.files.clone();
    files->clear_faults();
    if (crash) files->crash(*crash);
    Oracle oracle = session.oracle;
    auto database = store::Database::open({*files, session.sim.clock, session.sim.random}, testing::kStoreDirectory,
                                          true, session.options);
    if (!database.ok()) return "does not open again: " + database.error().message;
    return oracle.recovered(**database);
}

/// Steps until one is answered with an unknown outcome; then nothing may enter any more, and reads go on.
std::string step_through(Session& session) {
    for (int i = 0; i < kSteps; ++i) {
        session.last_refusal.reset();
        if (std::string wrong = session.append(session.workload.next(session.oracle)); !wrong.empty()) return wrong;
        if (i % 5 == 4) (void)session.database->maintain();
        if (i % 11 == 10) session.database->mark_idle();
        if (!session.last_refusal || session.last_refusal->code != ErrorCode::kIndeterminate) continue;

        testing::SentBatch late;
        late.events.push_back({.entity_id = "order:late", .event_type = "order.placed"});
        if (std::string wrong = session.append(late); !wrong.empty()) return wrong;
        if (session.last_refusal->code != ErrorCode::kReadOnly)
            return "after a failed write the store answers " + session.last_refusal->message;
        for (int k = 0; k < 3; ++k) {
            session.sim.clock.advance(200'000'000);
            (void)session.database->maintain();
        }
        if (std::string wrong = session.oracle.published(*session.database); !wrong.empty()) return wrong;
        return session.compare();
    }
    return session.compare();
}

std::string fail_one(std::uint64_t op_index, FaultKind kind) {
    const std::string what =
        " (operation " + std::to_string(op_index) + ", fault " + std::to_string(static_cast<int>(kind)) + ")";
    Session session(3, testing::small_options());
    if (std::string wrong = session.open(); !wrong.empty()) return wrong + what;
    session.sim.files.fail_op(session.sim.files.op_count() + op_index, kind);
    if (std::string wrong = step_through(session); !wrong.empty()) return wrong + what;
    for (const std::optional<io::CrashMode> crash :
         {std::optional<io::CrashMode>(), std::optional(io::CrashMode::kDropUnsynced),
          std::optional(io::CrashMode::kRandomSubset)})
        if (std::string wrong = reopened_copy(session, crash); !wrong.empty()) return wrong + what;

    session.drop();
    session.sim.files.clear_faults();
    for (int life = 0; life < 2; ++life) {
        if (std::string wrong = session.open(); !wrong.empty()) return "reopened: " + wrong + what;
        if (session.open_error) return "does not open again: " + session.open_error->message + what;
        for (int i = 0; i < 10; ++i)
            if (std::string wrong = session.append(session.workload.next(session.oracle)); !wrong.empty())
                return "reopened: " + wrong + what;
        if (std::string wrong = session.close(); !wrong.empty()) return "reopened: " + wrong + what;
        session.sim.files.crash(io::CrashMode::kDropUnsynced);
    }
    return "";
}

std::uint64_t op_count_of_a_run() {
    Session session(3, testing::small_options());
    EXPECT_EQ(session.open(), "");
    const std::uint64_t before = session.sim.files.op_count();
    EXPECT_EQ(step_through(session), "");
    return session.sim.files.op_count() - before;
}

constexpr std::uint64_t kEvery = 1;
/// Neighbouring operations are much alike.
constexpr std::uint64_t kSampled = 4;

/// The seed is the number of the operation that fails, in steps.
void fail_each(FaultKind kind, std::uint64_t step) {
    const std::uint64_t op_count = op_count_of_a_run();
    testing::for_each_seed(op_count / step,
                           [kind, step](std::uint64_t seed) { return fail_one((seed - 1) * step, kind); });
}

TEST(FaultSweep, AnIoErrorAnywhereLosesNothingAcknowledged) { fail_each(FaultKind::kEio, kSampled); }
TEST(FaultSweep, AFullDiskAnywhereLosesNothingAcknowledged) { fail_each(FaultKind::kNoSpace, kSampled); }
TEST(FaultSweep, AShortWriteAnywhereLosesNothingAcknowledged) { fail_each(FaultKind::kShortWrite, kSampled); }
TEST(FaultSweep, AFailedSyncAnywhereLosesNothingAcknowledged) { fail_each(FaultKind::kFailedSync, kSampled); }

TEST(FaultSweep, SlowAnIoErrorEverywhereLosesNothingAcknowledged) { fail_each(FaultKind::kEio, kEvery); }
TEST(FaultSweep, SlowAFullDiskEverywhereLosesNothingAcknowledged) { fail_each(FaultKind::kNoSpace, kEvery); }
TEST(FaultSweep, SlowAShortWriteEverywhereLosesNothingAcknowledged) { fail_each(FaultKind::kShortWrite, kEvery); }
TEST(FaultSweep, SlowAFailedSyncEverywhereLosesNothingAcknowledged) { fail_each(FaultKind::kFailedSync, kEvery); }

/// One write does not do what it says. No caller can know; reading back must.
std::string lie_once(std::uint64_t op_index, FaultKind kind) {
    const std::string what =
        " (operation " + std::to_string(op_index) + ", fault " + std::to_string(static_cast<int>(kind)) + ")";
    Session session(3, testing::small_options());
    if (std::string wrong = session.open(); !wrong.empty()) return wrong + what;
    session.sim.files.fail_op(session.sim.files.op_count() + op_index, kind);
    if (std::string wrong = step_through(session); !wrong.empty())
        return testing::is_found_damage(wrong) ? "" : wrong + what;
    if (std::string wrong = session.close(); !wrong.empty()) return wrong + what;
    if (std::string wrong = session.open(); !wrong.empty())
        return testing::is_found_damage(wrong) ? "" : "opened, with " + wrong + what;
    if (!session.open_error) return "";
    const std::string& message = session.open_error->message;
    if (session.open_error->code != ErrorCode::kCorrupt) return "refused with " + message + what;
    const bool names_file = message.find(".log") != std::string::npos || message.find("MANIFEST") != std::string::npos;
    return names_file ? "" : "refused without naming a file: " + message + what;
}

void lie_each(FaultKind kind) {
    const std::uint64_t op_count = op_count_of_a_run();
    testing::for_each_seed(op_count, [kind](std::uint64_t seed) { return lie_once(seed - 1, kind); });
}

TEST(FaultSweep, ALostWriteIsFoundOrDoesNoHarm) { lie_each(FaultKind::kLostWrite); }
TEST(FaultSweep, AMisdirectedWriteIsFoundOrDoesNoHarm) { lie_each(FaultKind::kMisdirectedWrite); }

TEST(FullDisk, RefusesBeforeAnythingIsAppendedAndGoesOnWhenThereIsRoom) {
    testing::for_each_seed(20, [](std::uint64_t seed) -> std::string {
        Session session(seed, testing::small_options());
        if (std::string wrong = session.open(); !wrong.empty()) return wrong;
        for (int round = 1; round <= 3; ++round) {
            session.sim.files.set_capacity(static_cast<std::uint64_t>(round) * (256 << 10));
            session.last_refusal.reset();
            for (int i = 0; i < 2'000 && (!session.last_refusal || session.last_refusal->code != ErrorCode::kNoSpace);
                 ++i)
                if (std::string wrong = session.append(session.workload.next(session.oracle)); !wrong.empty())
                    return wrong;
            if (!session.last_refusal || session.last_refusal->code != ErrorCode::kNoSpace)
                return "the disk was never full";
            if (session.last_refusal->outcome != Outcome::kNotAppended) return "a full disk makes outcomes unknown";
            if (std::string wrong = session.oracle.matches_store(*session.database); !wrong.empty()) return wrong;
            // Recovery may need room as well; it says so, and harms nothing.
            std::string wrong = reopened_copy(session, std::nullopt);
            if (!wrong.empty() && wrong.find(io::kNoSpaceText) == std::string::npos) return "while full: " + wrong;
        }
        session.sim.files.set_capacity(UINT64_MAX);
        testing::SentBatch big;
        big.events.push_back({.entity_id = "order:big",
                              .event_type = "order.placed",
                              .payload = "\"" + std::string(20'000, 'x') + "\""});
        session.last_refusal.reset();
        if (std::string wrong = session.append(big); !wrong.empty()) return wrong;
        if (session.last_refusal) return "with room again: " + session.last_refusal->message;
        return session.close_and_open();
    });
}

}  // namespace
}  // namespace chronos
