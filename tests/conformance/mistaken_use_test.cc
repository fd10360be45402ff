// What the program does when it is used in a way that was not meant: it says so, and harms nothing.
#include <nlohmann/json.hpp>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

class MistakenUse : public ProgramTest {
protected:
    /// Runs `script` in a shell; "$0" is the program.
    Answer shell(const std::string& script) { return run_program("sh", {"-c", script, program_path()}, directory_); }
    void expect_usage_error(std::vector<std::string> arguments, const std::string& names) {
        std::string command;
        for (const std::string& argument : arguments) command += " " + argument;
        const Answer answer = chronos(std::move(arguments));
        EXPECT_EQ(answer.exit_code, 2) << "chronos" << command << "\n" << answer.errors;
        EXPECT_NE(answer.errors.find(names), std::string::npos) << "chronos" << command << "\n" << answer.errors;
    }
    bool exists(const std::string& name) const { return std::filesystem::exists(directory_ / name); }
    void append(const std::string& entity, const std::string& payload = "{}") {
        expect_ok({"append", "--entity", entity, "--type", "t", "--payload", payload});
    }
    std::uint64_t event_count(const std::string& store = "data") {
        return json::parse(expect_ok({"query", "--count", "--json", "--dir", store}))["count"];
    }
    void git(const std::vector<std::string>& arguments) {
        std::vector<std::string> all{"-C", "repo", "-c", "user.name=Ada", "-c", "user.email=ada@example.org"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const Answer answer = run_program("git", all, directory_);
        ASSERT_EQ(answer.exit_code, 0) << answer.errors;
    }
    void commit_file(const std::string& name, const std::string& text, const std::string& date) {
        write_file("repo/" + name, text);
        git({"add", "."});
        git({"commit", "-q", "-m", name, "--date", date});
    }
};

TEST_F(MistakenUse, ClosedStandardDescriptorsNeverMeanAFileOfTheStore) {
    append("e", R"({"a":1})");
    const Answer query = shell("\"$0\" query --dir data <&- >&- 2>&-");
    EXPECT_EQ(query.exit_code, 8);
    EXPECT_EQ(shell("\"$0\" append --dir data --entity e --type t <&- >&- 2>&-").exit_code, 8);
    EXPECT_EQ(shell("\"$0\" stats --dir data >&-").exit_code, 8);
    EXPECT_EQ(event_count(), 2U);
    expect_ok({"verify", "--deep"});
}

TEST_F(MistakenUse, AnEmptyValueIsNotTheSameAsNone) {
    append("e");
    for (const std::string option : {"--expected-version", "--id", "--idempotency-key", "--fail-if-match",
                                     "--occurred-at", "--metadata", "--payload-file", "--dir", "--fork"})
        expect_usage_error({"append", "--entity", "e", "--type", "t", option, ""}, option);
    for (const std::string option : {"--as-of", "--at", "--known-at", "--since", "--actor", "--cursor", "--after",
                                     "--limit", "--last", "--entity", "--type-prefix", "--fork"})
        expect_usage_error({"query", option, ""}, option);
    expect_usage_error({"state", ""}, "entity");
    expect_usage_error({"export", "--out", ""}, "--out");
    expect_usage_error({"ingest", ""}, "files");
    EXPECT_EQ(event_count(), 1U);
}

TEST_F(MistakenUse, NumbersAreWholeAndWithinBounds) {
    append("e");
    for (const std::string number : {"-1", "0", "1.5", "0x10", "010", "1e3", "99999999999999999999", "x"}) {
        expect_usage_error({"query", "--limit", number}, "--limit");
        expect_usage_error({"query", "--last", number}, "--last");
        expect_usage_error({"entities", "--limit", number}, "--limit");
        expect_usage_error({"ingest", "--batch", number}, "--batch");
        expect_usage_error({"bench", "append", "--events", number}, "--events");
        expect_usage_error({"bench", "append", "--reserve", number}, "--reserve");
        expect_usage_error({"bench", "query", "--queries", number}, "--queries");
        expect_usage_error({"import", "git", ".", "--max-commits", number}, "--max-commits");
        expect_usage_error({"demo", "--events", number}, "--events");
        expect_usage_error({"bench", "fork", "--forks", number}, "--forks");
        expect_usage_error({"fork", "diff", "f", "--limit", number}, "--limit");
    }
}

TEST_F(MistakenUse, OptionsThatContradictEachOtherAreRefused) {
    append("e");
    for (const std::string option : {"--at", "--known-at", "--as-of", "--after"})
        expect_usage_error({"query", "--cursor", "x", option, "1"}, "--cursor");
    expect_usage_error({"query", "--count", "--limit", "1"}, "--count");
    expect_usage_error({"query", "--last", "3", "--order", "forward"}, "--last");
    expect_usage_error({"bench", "append", "--in-memory", "--reserve", "1"}, "--reserve");
}

TEST_F(MistakenUse, AWordThatIsNotKnownIsNamedWithOneThatIsNear) {
    const auto message = [this](const std::vector<std::string>& arguments) {
        return run_program(program_path(), arguments, directory_).errors;
    };
    EXPECT_NE(message({"querry"}).find("no command querry; did you mean query?"), std::string::npos);
    EXPECT_NE(message({"import", "gti"}).find("no command gti; did you mean git?"), std::string::npos);
    EXPECT_NE(message({"query", "--dri", "x"}).find("no option --dri; did you mean --dir?"), std::string::npos);
    EXPECT_NE(message({"stats", "one", "two"}).find("not expected: one two"), std::string::npos);
    EXPECT_NE(message({"xyzzy"}).find("no command xyzzy\n"), std::string::npos) << message({"xyzzy"});
}

TEST_F(MistakenUse, GroupsTakeTheCommonOptions) {
    append("e");
    write_file("a.csv", "e\nx\n");
    const Answer answer = run_program(
        program_path(), {"import", "--dir", "data", "csv", "a.csv", "--entity-column", "e", "--type", "t"}, directory_);
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_EQ(event_count(), 2U);
    for (const std::string group : {"import", "bench", "fork"})
        EXPECT_NE(expect_ok({group, "--help"}).find("Example:"), std::string::npos);
}

TEST_F(MistakenUse, NothingIsMadeBeforeTheInputIsKnownToBeThere) {
    write_file("good", R"({"entity_id":"e","event_type":"t","payload":{}})");
    write_file("a.csv", "e\nx\n");
    std::filesystem::create_directory(directory_ / "plain");
    EXPECT_EQ(chronos({"ingest", "good", "nofile"}).exit_code, 3);
    EXPECT_EQ(chronos({"ingest", "plain"}).exit_code, 2);
    EXPECT_EQ(chronos({"append", "--entity", "e", "--type", "t", "--payload", "bad"}).exit_code, 2);
    EXPECT_EQ(chronos({"append", "--entity", "e", "--type", "a b"}).exit_code, 2);
    EXPECT_EQ(chronos({"append", "--from", "a.csv"}).exit_code, 2);
    EXPECT_EQ(chronos({"import", "git", "plain"}).exit_code, 2);
    EXPECT_EQ(chronos({"import", "git", "nowhere"}).exit_code, 2);
    EXPECT_EQ(chronos({"import", "csv", "a.csv", "--entity-column", "no", "--type", "t"}).exit_code, 2);
    EXPECT_EQ(chronos({"demo", "nowhere"}).exit_code, 2);
    EXPECT_FALSE(exists("data"));
}

TEST_F(MistakenUse, ErrorsOfAnOptionsJsonCountFromItsOwnStart) {
    append("e");
    expect_usage_error({"append", "--entity", "e", "--type", "t", "--fail-if-match", "{x"}, "byte 1");
    expect_usage_error({"append", "--entity", "e", "--type", "t", "--payload", "[1,x]"}, "byte 3");
    EXPECT_EQ(chronos({"append", "--entity", "e", "--type", "t", "--fail-if-match",
                       R"({"fail_if_events_match":{"all":true}})"})
                  .exit_code,
              4);
}

TEST_F(MistakenUse, BenchLeavesTheStoreOfItsUserAlone) {
    append("e");
    const Answer answer = run_program(
        "env",
        {"CHRONOS_DIR=data", "TMPDIR=" + directory_.string(), program_path(), "bench", "append", "--events", "100"},
        directory_);
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_EQ(event_count(), 1U);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
    expect_usage_error({"bench", "append", "--events", "100"}, "--into-any-store");
    EXPECT_EQ(event_count(), 1U);
    expect_ok({"bench", "append", "--events", "100", "--into-any-store"});
    expect_ok({"bench", "append", "--events", "100", "--dir", "own"});
    expect_ok({"bench", "append", "--events", "100", "--dir", "own"});
    EXPECT_EQ(event_count("own"), 200U);
}

TEST_F(MistakenUse, BenchSaysWhatItReserved) {
    const json answer = json::parse(expect_ok({"bench", "append", "--events", "10", "--reserve", "3000000", "--json"}));
    EXPECT_GE(answer["reserved_bytes"], 3'000'000);
    expect_usage_error({"bench", "append", "--reserve", "999999999999"}, "--reserve");
}

TEST_F(MistakenUse, ImportGitRefusesWhatComesBeforeKnownCommits) {
    std::filesystem::create_directory(directory_ / "repo");
    git({"init", "-q"});
    commit_file("a", "1\n", "2020-01-01T00:00:00Z");
    commit_file("a", "2\n", "2021-01-01T00:00:00Z");
    commit_file("a", "3\n", "2022-01-01T00:00:00Z");
    expect_ok({"import", "git", "repo", "--max-commits", "1"});
    expect_usage_error({"import", "git", "repo"}, "--accept-older");
    EXPECT_EQ(event_count(), 2U);
    expect_ok({"import", "git", "repo", "--accept-older"});
    const auto lines = [this](const std::string& order) {
        return json::parse(expect_ok({"state", "file:a", "--fold-order", order, "--json"}))["state"]["status"]
            .get<std::string>();
    };
    EXPECT_EQ(lines("occurred"), "modified");
    commit_file("b", "1\n", "2023-01-01T00:00:00Z");
    expect_ok({"import", "git", "repo"});
    EXPECT_EQ(event_count(), 8U);
}

TEST_F(MistakenUse, ImportGitFollowsABranchThatIsMergedLater) {
    std::filesystem::create_directory(directory_ / "repo");
    git({"init", "-q", "-b", "main"});
    commit_file("a", "1\n", "2020-01-01T00:00:00Z");
    git({"checkout", "-q", "-b", "side"});
    commit_file("b", "1\n", "2020-02-01T00:00:00Z");
    git({"checkout", "-q", "main"});
    commit_file("c", "1\n", "2020-03-01T00:00:00Z");
    expect_ok({"import", "git", "repo"});
    git({"merge", "-q", "--no-edit", "side"});
    expect_ok({"import", "git", "repo"});
}

TEST_F(MistakenUse, ImportGitTakesAwayWhatNoLongerHolds) {
    std::filesystem::create_directory(directory_ / "repo");
    git({"init", "-q"});
    commit_file("a", "1\n2\n3\n", "2020-01-01T00:00:00Z");
    git({"mv", "a", "b"});
    git({"commit", "-q", "-m", "move", "--date", "2021-01-01T00:00:00Z"});
    commit_file("b", "1\n2\n3\n4\n", "2022-01-01T00:00:00Z");
    expect_ok({"import", "git", "repo"});
    const auto state = [this](const std::string& entity) {
        return json::parse(expect_ok({"state", entity, "--json"}))["state"];
    };
    EXPECT_FALSE(state("file:b").contains("old_path"));
    EXPECT_FALSE(state("file:a").contains("lines_added"));
    EXPECT_EQ(state("file:a")["renamed_to"], "b");
}

TEST_F(MistakenUse, StoredTextCannotSteerATerminal) {
    append(
        "a\xE2\x80\xAE"
        "b",
        "{\"k\xC2\x9B\":\"x\x7F\xE2\x81\xA6\"}");
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"query"},
                                                                                         {"entities"},
                                                                                         {"state",
                                                                                          "a\xE2\x80\xAE"
                                                                                          "b"},
                                                                                         {"history",
                                                                                          "a\xE2\x80\xAE"
                                                                                          "b"}}) {
        const std::string out = expect_ok(command);
        for (const std::string steering : {"\xE2\x80\xAE", "\xC2\x9B", "\x7F", "\xE2\x81\xA6"})
            EXPECT_EQ(out.find(steering), std::string::npos) << command.front();
    }
    EXPECT_NE(expect_ok({"state",
                         "a\xE2\x80\xAE"
                         "b"})
                  .find("\\u009b"),
              std::string::npos);
    EXPECT_EQ(json::parse(expect_ok({"entities", "--json"}))["entity_id"],
              "a\xE2\x80\xAE"
              "b");
    const std::string errors = chronos({"append", "--entity", "\x1B]0;x", "--type", "t"}).errors;
    EXPECT_EQ(errors.find('\x1B'), std::string::npos) << errors;
}

TEST_F(MistakenUse, EveryCommandThatAppendsCanAcceptTheClock) {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"append"},
                                                                                         {"ingest"},
                                                                                         {"import", "csv"},
                                                                                         {"import", "git"},
                                                                                         {"import", "cloudevents"},
                                                                                         {"bench", "append"}}) {
        std::vector<std::string> help = command;
        help.push_back("--help");
        EXPECT_NE(expect_ok(help).find("--accept-clock"), std::string::npos) << command.back();
    }
}

TEST_F(MistakenUse, IngestNamesTheLinesWhoseIdsAreKnownWithOtherContent) {
    const auto line = [](int id, int payload) {
        return R"({"id":"00000000-0000-4000-8000-00000000000)" + std::to_string(id) +
               R"(","entity_id":"e","event_type":"t","payload":)" + std::to_string(payload) + "}\n";
    };
    expect_ok({"ingest", "-"}, line(1, 1) + line(2, 2));
    const Answer answer = chronos({"ingest", "-", "--batch", "1"}, line(1, 1) + line(3, 3) + line(2, 0) + line(4, 4));
    EXPECT_EQ(answer.exit_code, 4);
    EXPECT_NE(answer.errors.find("line 3"), std::string::npos) << answer.errors;
    const json summary = json::parse(last_line(answer.out))["summary"];
    EXPECT_EQ(summary["failed_line"], 3);
    EXPECT_EQ(summary["committed_through"], 2);
}

TEST_F(MistakenUse, AnIdTwiceInOneInputIsTheSameWhereverBatchesEnd) {
    const std::string line =
        R"({"id":"00000000-0000-4000-8000-000000000001","entity_id":"e","event_type":"t","payload":1})"
        "\n";
    const std::string other = R"({"entity_id":"e","event_type":"t","payload":2})"
                              "\n";
    for (const std::string batch : {"1", "2", "3", "1000"}) {
        const json summary = json::parse(
            expect_ok({"ingest", "-", "--batch", batch, "--dir", "d" + batch}, line + other + line + other))["summary"];
        EXPECT_EQ(summary["appended"], 3) << batch;
        EXPECT_EQ(summary["duplicates"], 1) << batch;
    }
}

TEST_F(MistakenUse, IngestNamesALineThatIsTooLong) {
    const std::string good = R"({"entity_id":"e","event_type":"t","payload":{}})";
    write_file("long", good + "\n" + std::string(5'000'000, 'x') + "\n" + good + "\n");
    const Answer answer = chronos({"ingest", "long"});
    EXPECT_EQ(answer.exit_code, 9);
    EXPECT_NE(answer.errors.find("line 2"), std::string::npos) << answer.errors;
    const json summary = json::parse(last_line(answer.out))["summary"];
    EXPECT_EQ(summary["lines"], 2);
    EXPECT_EQ(summary["failed_line"], 2);
    EXPECT_EQ(summary["committed_through"], 1);
}

TEST_F(MistakenUse, IngestReadsANamedPipe) {
    const Answer answer = shell(
        "mkfifo pipe; (echo '{\"entity_id\":\"e\",\"event_type\":\"t\",\"payload\":{}}' > pipe) &"
        " \"$0\" ingest --dir data pipe");
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_EQ(event_count(), 1U);
}

TEST_F(MistakenUse, ImportCsvRefusesWhatIsNotUtf8) {
    write_file("a.csv", "e,name\nx,caf\xE9\n");
    const std::vector<std::string> import{"import", "csv", "a.csv", "--entity-column", "e", "--type", "t"};
    expect_usage_error(import, "line 2, column 6");
    std::vector<std::string> latin1 = import;
    latin1.insert(latin1.end(), {"--encoding", "latin1"});
    expect_ok(latin1);
    EXPECT_EQ(json::parse(expect_ok({"state", "x", "--json"}))["state"]["name"], "caf\xC3\xA9");
}

TEST_F(MistakenUse, AnExportThatFailsLeavesNoFile) {
    append("e", R"({"note":")" + std::string(20'000, 'x') + R"("})");
    expect_ok({"export", "--out", "whole"});
    EXPECT_FALSE(exists("whole.part"));
    EXPECT_EQ(chronos({"export", "--out", "none/file"}).exit_code, 3);
    EXPECT_EQ(chronos({"export", "--out", "whole"}).exit_code, 4);
    EXPECT_FALSE(exists("whole.part"));
}

TEST_F(MistakenUse, ALimitOnTheSizeOfFilesIsAnErrorLikeAFullDisk) {
    EXPECT_EQ(shell("ulimit -f 1; \"$0\" init --dir data").exit_code, 8);
}

TEST_F(MistakenUse, SalvageDoesNotWriteIntoWhatItReads) {
    append("e");
    expect_usage_error({"salvage", "--to", "data/new"}, "--to");
    expect_usage_error({"salvage", "--to", "data"}, "--to");
    EXPECT_FALSE(exists("data/new"));
    expect_ok({"salvage", "--to", "data-new"});
}

TEST_F(MistakenUse, OnlyErrorsOfAppendsHaveAnOutcome) {
    const auto error_of = [this](std::vector<std::string> arguments) {
        arguments.push_back("--json");
        return json::parse(last_line(chronos(std::move(arguments)).errors));
    };
    EXPECT_FALSE(error_of({"query"}).contains("outcome"));
    EXPECT_FALSE(error_of({"query", "--nonsense"}).contains("outcome"));
    EXPECT_EQ(error_of({"append", "--entity", "e", "--type", "a b"})["outcome"], "not_appended");
    const Answer lost = shell("\"$0\" append --dir data --entity e --type t --json >/dev/full");
    EXPECT_EQ(lost.exit_code, 8);
    EXPECT_FALSE(json::parse(last_line(lost.errors)).contains("outcome")) << lost.errors;
    EXPECT_EQ(event_count(), 1U);
}

TEST_F(MistakenUse, ACheckOfConditionsAloneNamesNoTime) {
    append("e");
    write_file("check.json", R"({"conditions":[{"entity_id":"e","expected_version":1}]})");
    EXPECT_FALSE(json::parse(expect_ok({"append", "--from", "check.json", "--json"})).contains("timestamp"));
}

TEST_F(MistakenUse, CompletionsOfferCommandsOptionsAndValues) {
    const auto offered = [this](const std::string& words) {
        // Completes the last of the words.
        const std::string script = "source <(\"$0\" completions bash); COMP_WORDS=(" + words +
                                   "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _chronos; echo \"${COMPREPLY[*]}\"";
        return run_program("bash", {"-c", script, program_path()}, directory_).out;
    };
    EXPECT_NE(offered("chronos imp").find("import"), std::string::npos);
    EXPECT_EQ(offered("chronos import g"), "git\n");
    EXPECT_EQ(offered("chronos fork d"), "discard diff\n");
    EXPECT_EQ(offered("chronos fork merge --others ''"), "skip force\n");
    EXPECT_EQ(offered("chronos query --order ''"), "forward backward\n");
    EXPECT_EQ(offered("chronos append --durability d"), "durable\n");
    EXPECT_EQ(offered("chronos --dir init completions ''").find("bash zsh fish"), 0U);
    EXPECT_EQ(offered("chronos query --entity ''"), "\n");
    EXPECT_EQ(offered("chronos query --acc"), "\n");
}

TEST_F(MistakenUse, CompletionsAskTheProgramForForks) {
    append("e");
    const std::string unnamed = expect_ok({"fork", "create", "--quiet"});
    const std::string id = unnamed.substr(0, unnamed.find('\n'));
    for (const char* name : {"what-if", "two words", "a$(touch oops)", "-x"})
        expect_ok({"fork", "create", std::string("--name=") + name});
    const auto offered = [this](const std::string& words) {
        const std::string script = "source <(\"$0\" completions bash); COMP_WORDS=(" + words +
                                   "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _chronos \"$0\"; printf '%s\\n' "
                                   "\"${COMPREPLY[@]}\"";
        return run_program("bash", {"-c", script, program_path()}, directory_).out;
    };
    const std::string forks = id + "\nwhat-if\ntwo\\ words\na\\$\\(touch\\ oops\\)\nfork-";
    EXPECT_EQ(offered("chronos state --dir data --fork ''").find("main\n" + forks), 0U)
        << offered("chronos state --dir data --fork ''");
    EXPECT_EQ(offered("chronos state --dir=data --fork wh"), "what-if\n");
    EXPECT_EQ(offered("chronos fork merge --dir data wh"), "what-if\n");
    EXPECT_NE(offered("chronos fork merge --dir data ''").find("--dry-run"), std::string::npos);
    EXPECT_EQ(offered("chronos fork diff --dir data what-if --against ma"), "main\n");
    EXPECT_EQ(offered("chronos fork create --dir data --from wh"), "what-if\n");
    EXPECT_EQ(offered("chronos state --dir nowhere --fork wh"), "\n");
    EXPECT_FALSE(std::filesystem::exists(directory_ / "oops"));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "nowhere"));
}

TEST_F(MistakenUse, CompletionsAskTheProgramForForksInZsh) {
    if (run_program("sh", {"-c", "command -v zsh"}, directory_).exit_code != 0) GTEST_SKIP() << "no zsh";
    append("e");
    for (const char* name : {"what-if", "two words"}) expect_ok({"fork", "create", "--name", name});
    const std::string script =
        "compdef() { :; }; compadd() { shift; print -l -- ${(P)1}; }; \"$0\" completions zsh > c; source ./c; "
        "words=(\"$0\" state --dir data --fork ''); CURRENT=$#words; _chronos";
    EXPECT_EQ(run_program("zsh", {"-f", "-c", script, program_path()}, directory_).out, "main\nwhat-if\ntwo words\n");
}

TEST_F(MistakenUse, CompletionsWorkInZsh) {
    if (run_program("sh", {"-c", "command -v zsh"}, directory_).exit_code != 0) GTEST_SKIP() << "no zsh";
    const auto offered = [this](const std::string& words) {
        const std::string script =
            "compdef() { :; }; _files() { echo files; }; compadd() { shift; echo ${(P)1}; "
            "[[ -n ${(P)1} ]]; }; \"$0\" completions zsh > c; source ./c; words=(" +
            words + "); CURRENT=$#words; _chronos";
        return run_program("zsh", {"-f", "-c", script, program_path()}, directory_).out;
    };
    EXPECT_NE(offered("chronos ''").find("import"), std::string::npos);
    EXPECT_EQ(offered("chronos import ''").find("git csv cloudevents"), 0U);
    EXPECT_EQ(offered("chronos query --order ''"), "forward backward\n");
    EXPECT_EQ(offered("chronos completions ''").find("bash zsh fish"), 0U);
    EXPECT_NE(offered("chronos query --entity ''").find("files"), std::string::npos);
}

}  // namespace
}  // namespace chronos::conformance
