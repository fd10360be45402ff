#include "app/git_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "app/name_text.h"

namespace chronos::app {
namespace {

/// A log in which '|' stands for NUL.
Result<std::vector<GitCommit>> commits_of(std::string log) {
    std::replace(log.begin(), log.end(), '|', '\0');
    std::size_t at = 0;
    GitLogReader reader([&](std::span<char> out) -> Result<std::size_t> {
        const std::size_t size = std::min({out.size(), log.size() - at, std::size_t{7}});
        std::memcpy(out.data(), log.data() + at, size);
        at += size;
        return size;
    });
    std::vector<GitCommit> commits;
    for (;;) {
        Result<std::optional<GitCommit>> commit = reader.next();
        if (!commit.ok()) return commit.error();
        if (!*commit) return commits;
        commits.push_back(std::move(**commit));
    }
}

const std::string kHead =
    "\x01"
    "c0ffee|aa bb|Ada L|ada@example.org|1700000000|subject|body\nmore\n|";

TEST(GitLog, ReadsACommitWithItsFiles) {
    const auto commits = commits_of(kHead +
                                    "\n:000000 100644 0000 1111 A|new file|:100644 100644 2222 3333 M|lib.c|"
                                    ":100644 000000 4444 0000 D|gone|"
                                    "7\t0\tnew file|-\t-\tlib.c|0\t9\tgone|");
    ASSERT_TRUE(commits.ok()) << commits.error().message;
    ASSERT_EQ(commits->size(), 1U);
    const GitCommit& commit = commits->front();
    EXPECT_EQ(commit.sha, "c0ffee");
    EXPECT_EQ(commit.parents, (std::vector<std::string>{"aa", "bb"}));
    EXPECT_EQ(commit.author, "Ada L");
    EXPECT_EQ(commit.author_time_s, 1'700'000'000);
    EXPECT_EQ(commit.body, "body\nmore\n");
    ASSERT_EQ(commit.files.size(), 3U);
    EXPECT_EQ(commit.files[0].status, 'A');
    EXPECT_EQ(commit.files[0].path, "new file");
    EXPECT_EQ(commit.files[0].blob, "1111");
    EXPECT_EQ(commit.files[0].lines_added, 7U);
    EXPECT_TRUE(commit.files[1].is_binary);
    EXPECT_EQ(commit.files[2].lines_deleted, 9U);
}

TEST(GitLog, ReadsBothNamesOfARenamedFile) {
    const auto commits = commits_of(kHead + "\n:100644 100644 1111 2222 R090|old|new|1\t2\t|old|new|");
    ASSERT_TRUE(commits.ok()) << commits.error().message;
    const GitFile& file = commits->front().files.at(0);
    EXPECT_EQ(file.status, 'R');
    EXPECT_EQ(file.old_path, "old");
    EXPECT_EQ(file.path, "new");
    EXPECT_EQ(file.lines_added, 1U);
    EXPECT_EQ(file.lines_deleted, 2U);
}

TEST(GitLog, ReadsEmptyCommitsAndPathsThatLookLikeSomethingElse) {
    const auto commits =
        commits_of(kHead + kHead + "\n:000000 100644 0000 1111 A|:odd\tname|1\t0\t:odd\tname|" + kHead);
    ASSERT_TRUE(commits.ok()) << commits.error().message;
    ASSERT_EQ(commits->size(), 3U);
    EXPECT_TRUE((*commits)[0].files.empty());
    EXPECT_EQ((*commits)[1].files.at(0).path, ":odd\tname");
}

TEST(GitLog, RefusesWhatIsNoLog) {
    EXPECT_FALSE(commits_of("fatal: no repository").ok());
    EXPECT_FALSE(commits_of("fatal|").ok());
    EXPECT_FALSE(commits_of(kHead + "\n:000000 100644|x|").ok());
    EXPECT_FALSE(commits_of(kHead.substr(0, 20)).ok());
    EXPECT_FALSE(commits_of(kHead + "1\t2\tnot in the list|").ok());
}

TEST(NameText, MakesEveryNameValid) {
    EXPECT_EQ(valid_utf8("caf\xC3\xA9"), "caf\xC3\xA9");
    EXPECT_EQ(valid_utf8("caf\xE9"), "caf\\xE9");
    EXPECT_EQ(valid_name("a\nb", 100), "a\\x0Ab");
    EXPECT_EQ(valid_name(" a b ", 100), "\\x20a b\\x20");
    EXPECT_EQ(valid_name("", 100), "");
}

TEST(NameText, ShortensSoThatDifferentNamesStayDifferent) {
    const std::string one = valid_name(std::string(600, 'a') + "1", 100);
    const std::string other = valid_name(std::string(600, 'a') + "2", 100);
    EXPECT_LE(one.size(), 100U);
    EXPECT_NE(one, other);
}

}  // namespace
}  // namespace chronos::app
