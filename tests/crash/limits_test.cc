// Stores far larger than what a process may have: more segments than open files, more events than memory.
//
// What is limited is a child: this program again, started with CHRONOS_LIMITS_TEST in its environment.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <string>

#include "io/posix/posix_environment.h"
#include "store/database.h"
#include "store/offline.h"
#include "store/reader.h"

namespace chronos {
namespace {

constexpr const char* kWorkVariable = "CHRONOS_LIMITS_TEST";
constexpr const char* kDirectoryVariable = "CHRONOS_LIMITS_TEST_DIRECTORY";
constexpr std::uint64_t kMemoryBudget = std::uint64_t{64} << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

int fail(const std::string& what) {
    std::fprintf(stderr, "child: %s\n", what.c_str());
    return 1;
}

// --- open files ----------------------------------------------------------------------------------

store::DatabaseOptions tiny_segments(std::size_t open_files_max) {
    store::DatabaseOptions options;
    options.log.segment_size_min = options.log.segment_size_max = 16 << 10;
    options.open_files_max = open_files_max;
    options.memory_budget = std::uint64_t{1} << 20;
    options.with_threads = false;
    // So that there are many index files as well.
    options.merge_count = 50;
    options.merge_small_events = 0;
    return options;
}

std::string check_all(const store::Database& database, std::uint64_t event_count) {
    store::Reader reader(database.indexes());
    std::uint64_t found = 0;
    const std::uint64_t end = database.published_seq();
    for (std::uint64_t i = 0; i < end; ++i) {
        // From both ends in turn, so that files are closed in between.
        const std::byte* bytes = reader.event(i % 2 == 0 ? i / 2 : end - 1 - i / 2);
        if (bytes == nullptr) return reader.status().error().message;
        if (event::EventBytes(bytes).type() == "limits.tested") ++found;
    }
    return found == event_count ? "" : std::to_string(found) + " of " + std::to_string(event_count) + " events";
}

int fill_with_few_open_files(const std::string& directory, std::uint32_t segment_count, rlim_t limit) {
    const rlimit files{.rlim_cur = limit, .rlim_max = limit};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) return fail("setrlimit");
    const store::DatabaseOptions options = tiny_segments(limit / 4);
    const std::string payload = "{\"text\":\"" + std::string(3'000, 'x') + "\"}";
    std::uint64_t event_count = 0;
    for (const bool is_first : {true, false}) {
        auto opened = store::Database::open(io::posix_environment(), directory, is_first, options);
        if (!opened.ok()) return fail("open: " + opened.error().message);
        store::Database& database = **opened;
        const std::uint32_t enough = is_first ? segment_count : segment_count + 10;
        while (database.log().segment_count() < enough || event_count % 8 != 0) {
            BatchBuilder batch;
            batch.add({.entity_id = "entity:" + std::to_string(event_count % 50),
                       .event_type = "limits.tested",
                       .payload = payload});
            // What is only written is not visible yet, so every eighth is durable.
            const bool is_eighth = ++event_count % 8 == 0;
            const auto answer = database.append(std::move(batch.content()),
                                                {.durability = is_eighth ? Durability::kDurable : Durability::kOs});
            if (!answer.ok()) return fail("append: " + answer.error().message);
            if (is_eighth)
                if (const Status kept = database.maintain(); !kept.ok())
                    return fail("maintain: " + kept.error().message);
        }
        if (const Status kept = database.maintain(); !kept.ok()) return fail("maintain: " + kept.error().message);
        if (std::string wrong = check_all(database, event_count); !wrong.empty()) return fail(wrong);
        if (database.cache().open_files().count() > limit / 4) return fail("too many files are open");
        if (const Status closed = database.close(); !closed.ok()) return fail("close: " + closed.error().message);
    }
    const auto report = store::verify(io::posix_environment(), directory, {});
    if (!report.ok()) return fail("verify: " + report.error().message);
    return report->damages.empty() ? 0 : fail("verify finds damage: " + report->damages.front().to_string());
}

// --- memory --------------------------------------------------------------------------------------

std::string mebibytes(std::uint64_t bytes) { return std::to_string((bytes + (1 << 19)) >> 20); }

/// Appends far more than the budget, and looks at what is counted all the time.
int append_within_budget(const std::string& directory) {
    constexpr std::uint64_t kBatches = 1'000;
    constexpr std::uint64_t kBatchEvents = 1'000;
    constexpr std::uint64_t kEntities = 100'000;
    constexpr std::size_t kInFlight = 8;
    store::DatabaseOptions options;
    options.memory_budget = kMemoryBudget;
    auto opened = store::Database::open(io::posix_environment(), directory, true, options);
    if (!opened.ok()) return fail("open: " + opened.error().message);
    store::Database& database = **opened;
    const std::string payload = "{\"text\":\"" + std::string(100, 'x') + "\"}";
    std::deque<std::shared_ptr<store::PendingAnswer>> pending;
    store::MemoryUse most;
    for (std::uint64_t i = 0; i < kBatches; ++i) {
        BatchBuilder batch;
        for (std::uint64_t k = 0; k < kBatchEvents; ++k) {
            const std::string entity = "entity:" + std::to_string((i * kBatchEvents + k) * 7919 % kEntities);
            batch.add({.entity_id = entity, .event_type = "limits.tested", .payload = payload});
        }
        auto submitted = database.submit(std::move(batch.content()), {}, {}, true);
        if (!submitted.ok()) return fail("append: " + submitted.error().message);
        pending.push_back(std::move(submitted).value());
        if (pending.size() > kInFlight) {
            database.wait(*pending.front());
            if (const auto answer = pending.front()->take(); !answer.ok()) return fail(answer.error().message);
            pending.pop_front();
        }
        const store::MemoryUse use = database.keeper().measure(database.log());
        if (use.total() > most.total()) most = use;
    }
    const std::uint64_t waits = database.memory_waits();
    if (const Status closed = database.close(); !closed.ok()) return fail("close: " + closed.error().message);
    std::string text = "of " + mebibytes(kMemoryBudget) + " MiB in use: " + mebibytes(most.total()) + " (heads " +
                       mebibytes(most.heads) + ", files " + mebibytes(most.files) + ", tail " +
                       mebibytes(most.log_tail) + ", waiting " + mebibytes(most.log_waiting) + ", working " +
                       mebibytes(most.working) + ", held " + mebibytes(most.held_parts) + ", parts " +
                       mebibytes(most.parts) + ", blocks " + mebibytes(most.blocks) + "); " + std::to_string(waits) +
                       " appends waited";
    std::fprintf(stderr, "child: %s\n", text.c_str());
    // What is appended between two looks, made ahead, and needed to write a file.
    return most.total() <= kMemoryBudget + kMemoryBudget / 4 ? 0 : 1;
}

[[noreturn]] void be_the_child(const std::string& work, const std::string& directory) {
    const int status = work == "memory"      ? append_within_budget(directory)
                       : work == "few files" ? fill_with_few_open_files(directory, 150, 64)
                                             : fill_with_few_open_files(directory, 1'000, 256);
    std::_Exit(status);
}

// Runs before main of GoogleTest when this process is a child.
const bool kIsParent = [] {
    if (const char* work = std::getenv(kWorkVariable)) be_the_child(work, std::getenv(kDirectoryVariable));
    return true;
}();

struct Outcome {
    int status = -1;
    std::uint64_t resident_max = 0;
};

Outcome run_child(const std::string& work) {
    std::string directory = (std::filesystem::temp_directory_path() / "chronos-limits-XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv(kWorkVariable, work.c_str(), 1);
        ::setenv(kDirectoryVariable, (directory + "/store").c_str(), 1);
        ::execl("/proc/self/exe", "crash_test", static_cast<char*>(nullptr));
        std::_Exit(9);
    }
    Outcome outcome;
    rusage usage{};
    if (::wait4(child, &outcome.status, 0, &usage) != child) outcome.status = -1;
    outcome.resident_max = static_cast<std::uint64_t>(usage.ru_maxrss) << 10;
    std::filesystem::remove_all(directory);
    return outcome;
}

TEST(Limits, AStoreOfManySegmentsNeedsFewOpenFiles) { EXPECT_EQ(run_child("few files").status, 0); }

TEST(Limits, SlowAThousandSegmentsNeedFewOpenFiles) { EXPECT_EQ(run_child("many files").status, 0); }

TEST(Limits, AppendingKeepsToTheMemoryBudget) {
    ASSERT_TRUE(kIsParent);
    const Outcome outcome = run_child("memory");
    EXPECT_EQ(outcome.status, 0);
    if (!kIsSanitized) {
        EXPECT_LE(outcome.resident_max, kMemoryBudget * 115 / 100 + (std::uint64_t{64} << 20));
    }
}

}  // namespace
}  // namespace chronos
