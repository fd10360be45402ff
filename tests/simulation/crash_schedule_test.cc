// Random work, cut off at a random moment, recovered, cut off again: what was acknowledged is always there.
#include <gtest/gtest.h>

#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using testing::for_each_seed;
using testing::Session;

/// From operation `op_index` on nothing reaches the disk, but what did stays in the page cache: a killed process.
void kill_process_at(io::SimFileSystem& files, std::uint64_t op_index, io::FaultKind last) {
    constexpr std::uint64_t kOpsOfADyingProcess = 1'500;
    files.fail_op(op_index, last);
    for (std::uint64_t i = 1; i < kOpsOfADyingProcess; ++i) files.fail_op(op_index + i, io::FaultKind::kEio);
}

struct Ending {
    bool kill = false;  // the process alone; else the power goes
    io::CrashMode mode = io::CrashMode::kDropUnsynced;
};

Ending plan_ending(Session& session, std::uint64_t ops) {
    io::Prng& prng = session.workload.prng();
    const std::uint64_t at = session.sim.files.op_count() + prng.below(ops);
    Ending ending{.kill = prng.chance(0.25), .mode = testing::kCrashModes[prng.below(std::size(testing::kCrashModes))]};
    if (ending.kill) {
        constexpr io::FaultKind kLast[] = {io::FaultKind::kEio, io::FaultKind::kShortWrite, io::FaultKind::kFailedSync};
        kill_process_at(session.sim.files, at, kLast[prng.below(3)]);
    } else {
        session.sim.files.crash_at_op(at, {.torn = prng.chance(0.5)});
    }
    return ending;
}

void end(Session& session, const Ending& ending) {
    session.drop();
    session.sim.files.clear_faults();
    if (!ending.kill) session.sim.files.crash(ending.mode);
}

/// A directory whose sync failed shows names that it will never keep, and nothing can tell. While a store is being
/// made, nothing of it was acknowledged: the power goes with the process.
Ending kept_by_disk(const Session& session, Ending ending) {
    const bool sync_failed = session.open_error && session.open_error->message.find("sync /") != std::string::npos;
    if (sync_failed && session.oracle.placed_count() == 0) ending.kill = false;
    return ending;
}

std::string run_schedule(std::uint64_t seed) {
    io::Prng prng(seed);
    constexpr std::uint64_t kSizes[] = {16 << 10, 32 << 10, 64 << 10};
    const std::uint64_t size_min = kSizes[prng.below(3)];
    Session session(seed, testing::small_options(size_min, size_min << prng.below(3),
                                                 static_cast<std::uint32_t>(1 + prng.below(2))));
    const std::uint64_t cut_count = 1 + prng.below(4);
    for (std::uint64_t cut = 0; cut < cut_count; ++cut) {
        const bool in_recovery = cut > 0 && prng.chance(0.4);
        const Ending ending = plan_ending(session, in_recovery ? 40 : 300);
        if (std::string wrong = session.open(); !wrong.empty()) return "after opening: " + wrong;
        if (session.open_error && session.open_error->code != ErrorCode::kIo)
            return "recovery failed: " + session.open_error->message;
        const std::uint64_t steps = 5 + prng.below(60);
        for (std::uint64_t i = 0; session.database != nullptr && i < steps; ++i)
            if (std::string wrong = session.step(); !wrong.empty()) return wrong;
        end(session, kept_by_disk(session, ending));
    }
    for (int again = 0; again < 3; ++again) {
        if (std::string wrong = session.open(); !wrong.empty()) return "at the end: " + wrong;
        if (session.open_error) return "at the end: " + session.open_error->message;
        for (int i = 0; i < 3; ++i)
            if (std::string wrong = session.append(session.workload.next(session.oracle)); !wrong.empty()) return wrong;
        if (std::string wrong = session.close(); !wrong.empty()) return "at the end: " + wrong;
        session.sim.files.crash(io::CrashMode::kDropUnsynced);
    }
    return "";
}

TEST(CrashSchedule, KeepsWhatWasAcknowledgedAndNothingThatWasNeverSent) { for_each_seed(200, run_schedule); }

TEST(CrashSchedule, SlowKeepsWhatWasAcknowledgedAndNothingThatWasNeverSent) { for_each_seed(2'000, run_schedule); }

TEST(CrashSchedule, TortureKeepsWhatWasAcknowledgedAndNothingThatWasNeverSent) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    for_each_seed(100'000, run_schedule);
}

}  // namespace
}  // namespace chronos
