// Real files, real processes: a child appends from several threads until it is killed; what it was told must be there.
//
//     child: append ──acknowledged──▶ one line into the ledger (a pipe that the parent holds)
//     parent: kill -9 after 20–200 ms, of the start or of the first answer; read the ledger, open the store, compare
//
// The child is this program again, started with CHRONOS_KILL_TEST_STORE in its environment.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <sstream>
#include <thread>

#include "io/posix/posix_environment.h"
#include "io/sim/prng.h"
#include "simulation/replay.h"
#include "simulation/sent_batch.h"
#include "store/database.h"
#include "store/reader.h"

namespace chronos {
namespace {

constexpr int kThreads = 4;
constexpr const char* kStoreVariable = "CHRONOS_KILL_TEST_STORE";
constexpr const char* kCycleVariable = "CHRONOS_KILL_TEST_CYCLE";
constexpr int kLedger = 3;  // the child's end of the pipe

store::DatabaseOptions options() {
    store::DatabaseOptions options;
    options.log.segment_size_min = 64 << 10;
    options.log.segment_size_max = 1 << 20;
    return options;
}

/// One line for each event that was acknowledged; a write of less than a page into a pipe is not split.
std::string ledger_line(const AppendResult& answer, const std::string& name) {
    std::ostringstream line;
    line << "ack " << name << ' ' << answer.events.front().position.value << ' ' << answer.events.size() << ' '
         << answer.recorded_at.ns << '\n';
    return line.str();
}

void append_for_ever(store::Database& database, const std::string& cycle, int thread) {
    for (std::uint64_t i = 0;; ++i) {
        const std::string name = cycle + "-" + std::to_string(thread) + "-" + std::to_string(i);
        testing::SentBatch batch;
        for (std::uint64_t k = 0; k <= i % 4; ++k)
            batch.events.push_back({.entity_id = "writer:" + std::to_string(thread),
                                    .event_type = "kill.tested",
                                    .payload = "{\"name\":\"" + name + "\",\"part\":" + std::to_string(k) +
                                               ",\"text\":\"" + std::string(i % 700, 'x') + "\"}"});
        batch.options.idempotency_key = name;
        const std::string sent = "sent " + name + " " + std::to_string(batch.events.size()) + "\n";
        if (::write(kLedger, sent.data(), sent.size()) < 0) std::_Exit(4);
        const auto answer = database.append(std::move(batch.build().content()), batch.options);
        if (!answer.ok()) std::_Exit(5);
        const std::string line = ledger_line(*answer, name);
        if (::write(kLedger, line.data(), line.size()) < 0) std::_Exit(4);
    }
}

[[noreturn]] void be_the_child(const std::string& directory) {
    auto database = store::Database::open(io::posix_environment(), directory, true, options());
    if (!database.ok()) {
        std::fprintf(stderr, "child: %s\n", database.error().message.c_str());
        std::_Exit(3);
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] { append_for_ever(**database, std::getenv(kCycleVariable), i); });
    for (std::thread& thread : threads) thread.join();
    std::_Exit(0);
}

// Runs before main of GoogleTest when this process is a child.
const bool kIsParent = [] {
    if (const char* directory = std::getenv(kStoreVariable)) be_the_child(directory);
    return true;
}();

struct Ledger {
    struct Entry {
        std::size_t event_count = 0;
        bool acknowledged = false;
        std::uint64_t position = 0;
        std::int64_t recorded_at = 0;
        std::size_t found = 0;
    };
    std::map<std::string, Entry> entries;

    void read(const std::string& text) {
        std::istringstream lines(text);
        std::string line, word, name;
        while (std::getline(lines, line)) {
            std::istringstream words(line);
            words >> word >> name;
            Entry& entry = entries[name];
            if (word == "sent") {
                words >> entry.event_count;
            } else {
                words >> entry.position >> entry.event_count >> entry.recorded_at;
                entry.acknowledged = true;
            }
        }
    }
};

/// Every acknowledged batch once, in place; the others whole or not at all; nothing else.
std::string compare(const store::Database& database, Ledger& ledger) {
    for (auto& [name, entry] : ledger.entries) entry.found = 0;
    std::uint64_t position = 0;
    store::Reader reader(database.indexes());
    for (std::uint64_t seq = 0; seq < database.published_seq(); ++seq) {
        const std::byte* bytes = reader.event(seq);
        if (bytes == nullptr) return reader.status().error().message;
        const event::EventBytes found(bytes);
        const event::BodyHeader header = event::BodyView(found.body()).header();
        if (header.branch != event::kMainBranch) continue;
        const std::string at = "position " + std::to_string(position) + ": ";
        if (header.first_position + found.header().ordinal != position) return at + "positions have a gap";
        const std::string payload(found.payload());
        const std::string name = payload.substr(9, payload.find('"', 9) - 9);
        const auto entry = ledger.entries.find(name);
        if (entry == ledger.entries.end()) return at + "was never sent: " + name;
        if (entry->second.acknowledged && entry->second.position + entry->second.found != position)
            return at + "is not where it was acknowledged: " + name;
        if (entry->second.acknowledged && entry->second.recorded_at != header.recorded_at) return at + "another time";
        ++entry->second.found;
        ++position;
    }
    for (const auto& [name, entry] : ledger.entries) {
        if (entry.acknowledged && entry.found != entry.event_count)
            return "acknowledged " + name + " is there with " + std::to_string(entry.found) + " of " +
                   std::to_string(entry.event_count) + " events";
        if (entry.found != 0 && entry.found != entry.event_count) return "part of a batch: " + name;
    }
    return "";
}

struct KillPlan {
    unsigned delay_ms = 0;
    /// The delay counts from the first acknowledgement, so that slow machines get as far as fast ones.
    bool after_first_answer = false;
};

/// Starts a child, kills it, returns what it wrote.
std::string run_and_kill(const std::string& directory, std::uint64_t cycle, const KillPlan& plan) {
    int ends[2];
    if (::pipe(ends) != 0) return "";
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(ends[1], kLedger);
        if (ends[0] != kLedger) ::close(ends[0]);
        if (ends[1] != kLedger) ::close(ends[1]);
        ::setenv(kStoreVariable, directory.c_str(), 1);
        ::setenv(kCycleVariable, std::to_string(cycle).c_str(), 1);
        ::execl("/proc/self/exe", "crash_test", static_cast<char*>(nullptr));
        std::_Exit(9);
    }
    ::close(ends[1]);
    std::string text;
    std::promise<void> answered;
    std::thread reader([&] {
        char piece[65536];
        bool has_answer = false;
        for (ssize_t got; (got = ::read(ends[0], piece, sizeof(piece))) > 0;) {
            text.append(piece, static_cast<std::size_t>(got));
            if (has_answer || text.find("ack ") == std::string::npos) continue;
            has_answer = true;
            answered.set_value();
        }
        if (!has_answer) answered.set_value();  // It ended by itself.
    });
    if (plan.after_first_answer) answered.get_future().wait_for(std::chrono::seconds(60));
    ::usleep(plan.delay_ms * 1'000);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    reader.join();
    ::close(ends[0]);
    return WIFSIGNALED(status) ? text : "exit " + std::to_string(WEXITSTATUS(status));
}

void kill_cycles(std::uint64_t cycles) {
    std::string directory = (std::filesystem::temp_directory_path() / "chronos-kill-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory.data()), nullptr);
    const std::string store = directory + "/store";
    auto ledger = std::make_unique<Ledger>();
    std::uint64_t acknowledged = 0;
    std::uint64_t in_this_store = 0;
    testing::for_each_seed(cycles, [&](std::uint64_t seed) -> std::string {
        if (++in_this_store % 10 == 0) {  // A fresh store now and then keeps cycles short.
            std::filesystem::remove_all(store);
            ledger = std::make_unique<Ledger>();
        }
        const std::string text = run_and_kill(
            store, seed,
            {.delay_ms = static_cast<unsigned>(20 + io::Prng(seed).below(180)), .after_first_answer = seed % 2 == 0});
        if (text.starts_with("exit ")) return "the child stopped by itself: " + text;
        ledger->read(text);
        const auto database = store::Database::open(io::posix_environment(), store, true, options());
        if (!database.ok()) return "does not open: " + database.error().message;
        acknowledged += static_cast<std::uint64_t>(std::count_if(
            ledger->entries.begin(), ledger->entries.end(), [](const auto& item) { return item.second.acknowledged; }));
        return compare(**database, *ledger);
    });
    EXPECT_GT(acknowledged, 0U);
    std::filesystem::remove_all(directory);
}

TEST(Kill, LosesNothingThatWasAcknowledged) { kill_cycles(8); }

TEST(Kill, SlowLosesNothingThatWasAcknowledged) { kill_cycles(60); }

TEST(Kill, TortureLosesNothingThatWasAcknowledged) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    kill_cycles(1'000);
}

}  // namespace
}  // namespace chronos
