// A file system that is really full, and a limit on the size of files: appends are refused, nothing else suffers.
//
//     round: fill until no_space ─ read ─ close ─ open ─ still refused or full again ─ room ─ append
//
// The full disk is a tmpfs that the test mounts, so it needs root; the limit is set in a child process.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>

#include "io/posix/posix_environment.h"
#include "simulation/sent_batch.h"
#include "store/database.h"
#include "store/reader.h"

namespace chronos {
namespace {

constexpr int kRounds = 3;
constexpr rlim_t kFileSizesMax[] = {100 << 10, 300 << 10, 600 << 10};
constexpr std::uint64_t kAppendsMax = 100'000;

store::DatabaseOptions options() {
    store::DatabaseOptions options;
    options.log.segment_size_min = 64 << 10;
    options.log.segment_size_max = 1 << 20;
    return options;
}

/// A store on a disk with little room. Every method says what was wrong, or nothing.
class CrampedStore {
public:
    explicit CrampedStore(std::string directory) : directory_(std::move(directory)) {}

    std::string open() {
        auto opened = store::Database::open(io::posix_environment(), directory_, true, options());
        if (!opened.ok()) return "does not open: " + opened.error().message;
        database_ = std::move(opened).value();
        return compare();
    }

    /// Without room for the closing marker a close says so; that must cost nothing.
    std::string close(bool is_full) {
        const Status closed = database_->close();
        database_.reset();
        const bool is_expected = closed.ok() || (is_full && closed.error().code == ErrorCode::kNoSpace);
        return is_expected ? "" : "does not close: " + closed.error().message;
    }

    /// Appends one batch; `refused` says whether there was no space. Any other refusal is wrong.
    std::string append(bool& refused) {
        testing::SentBatch batch;
        for (std::size_t i = 0; i <= payloads_.size() % 3; ++i)
            batch.events.push_back({.entity_id = "order:" + std::to_string(payloads_.size() % 5),
                                    .event_type = "order.changed",
                                    .payload = "{\"n\":" + std::to_string(payloads_.size() + i) + ",\"text\":\"" +
                                               std::string(payloads_.size() % 3'000, 'x') + "\"}"});
        const auto answer = database_->append(std::move(batch.build().content()), {});
        refused = !answer.ok();
        if (refused) {
            last_refusal_ = answer.error().message;
            if (answer.error().code != ErrorCode::kNoSpace) return "refused otherwise: " + answer.error().message;
            return answer.error().outcome == Outcome::kNotAppended ? "" : "a full disk makes outcomes unknown";
        }
        if (answer->durability != Durability::kDurable) return "answered before it was durable";
        if (answer->events.front().position.value != payloads_.size()) return "answered another position";
        for (const testing::SentEvent& event : batch.events) payloads_.push_back(event.payload);
        return "";
    }

    std::string fill() {
        bool refused = false;
        for (std::uint64_t i = 0; !refused && i < kAppendsMax; ++i)
            if (std::string wrong = append(refused); !wrong.empty()) return wrong;
        return refused ? compare() : "was never full";
    }

    /// Everything acknowledged is there, in place, and nothing else.
    std::string compare() const {
        std::size_t position = 0;
        store::Reader reader(database_->indexes());
        for (std::uint64_t seq = 0; seq < database_->published_seq(); ++seq) {
            const std::byte* bytes = reader.event(seq);
            if (bytes == nullptr) return reader.status().error().message;
            const event::EventBytes found(bytes);
            if (event::BodyView(found.body()).header().branch != event::kMainBranch) continue;
            if (position == payloads_.size()) return "holds an event that was refused";
            if (found.payload() != payloads_[position]) return "position " + std::to_string(position) + ": other bytes";
            ++position;
        }
        return position == payloads_.size() ? "" : "lost what follows position " + std::to_string(position);
    }

    [[nodiscard]] const std::string& last_refusal() const { return last_refusal_; }
    [[nodiscard]] std::size_t acknowledged_count() const { return payloads_.size(); }

private:
    const std::string directory_;
    std::unique_ptr<store::Database> database_;
    std::string last_refusal_;
    std::vector<std::string> payloads_;  // acknowledged, by position
};

std::string fill_and_make_room(CrampedStore& store, int rounds, const std::function<void(int round)>& make_room) {
    if (std::string wrong = store.open(); !wrong.empty()) return wrong;
    for (int round = 0; round < rounds; ++round) {
        const std::string in_round = "round " + std::to_string(round) + ": ";
        if (std::string wrong = store.fill(); !wrong.empty()) return in_round + wrong;
        if (std::string wrong = store.close(true); !wrong.empty()) return in_round + wrong;
        if (std::string wrong = store.open(); !wrong.empty()) return in_round + "full, " + wrong;
        if (std::string wrong = store.fill(); !wrong.empty()) return in_round + "opened again, " + wrong;
        const std::size_t before = store.acknowledged_count();
        make_room(round);
        bool refused = false;
        if (std::string wrong = store.append(refused); !wrong.empty()) return in_round + "with room, " + wrong;
        if (refused) return in_round + "with room, an append is still refused: " + store.last_refusal();
        for (int i = 0; i < 20; ++i)
            if (std::string wrong = store.append(refused); !wrong.empty()) return in_round + "with room, " + wrong;
        if (store.acknowledged_count() < before + 20) return in_round + "with room, too little is accepted";
    }
    if (std::string wrong = store.close(false); !wrong.empty()) return wrong;
    return store.open();
}

class NoSpace : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "chronos-no-space-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override {
        if (is_mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
        std::filesystem::remove_all(directory_);
    }

    std::string ballast(int round) const { return directory_ + "/ballast-" + std::to_string(round); }

    std::string directory_;
    bool is_mounted_ = false;
};

TEST_F(NoSpace, AFullFileSystemRefusesAppendsUntilThereIsRoom) {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a tmpfs needs root";
    if (::mount("tmpfs", directory_.c_str(), "tmpfs", 0, "size=12m") != 0)
        GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
    is_mounted_ = true;
    for (int round = 0; round < kRounds; ++round) std::ofstream(ballast(round)) << std::string(3 << 20, 'b');
    CrampedStore store(directory_ + "/store");
    EXPECT_EQ(fill_and_make_room(store, kRounds, [&](int round) { std::filesystem::remove(ballast(round)); }), "");
    EXPECT_GT(store.acknowledged_count(), 100U);
}

void set_file_size_max(rlim_t size) {
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = std::min(size, limit.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &limit);
}

/// Fills a store of its own for each limit, which is lifted then.
std::string fill_up_to_each_limit(const std::string& directory) {
    std::signal(SIGXFSZ, SIG_IGN);
    for (const rlim_t size : kFileSizesMax) {
        set_file_size_max(size);
        CrampedStore store(directory + "/store-" + std::to_string(size));
        const std::string wrong = fill_and_make_room(store, 1, [](int) { set_file_size_max(RLIM_INFINITY); });
        if (!wrong.empty()) return "files of at most " + std::to_string(size) + " bytes: " + wrong;
    }
    return "";
}

TEST_F(NoSpace, ALimitOnTheSizeOfFilesRefusesAppendsUntilItIsLifted) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const std::string wrong = fill_up_to_each_limit(directory_);
        (void)!::write(ends[1], wrong.data(), wrong.size());
        std::_Exit(wrong.empty() ? 0 : 1);
    }
    ::close(ends[1]);
    char wrong[4096] = {};
    (void)!::read(ends[0], wrong, sizeof(wrong) - 1);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_STREQ(wrong, "");
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace chronos
