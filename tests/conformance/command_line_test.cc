// What the program promises on its command line: docs/reference/command-line.md.

#include <nlohmann/json.hpp>
#include <set>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

class CommandLine : public ProgramTest {
protected:
    json ask(std::vector<std::string> arguments) {
        arguments.push_back("--json");
        const std::string out = expect_ok(std::move(arguments));
        return json::parse(out, nullptr, false);
    }
    /// Runs what must fail, with --json; answers the error and checks the exit code.
    json expect_error(std::vector<std::string> arguments, int exit_code, const std::string& input = {}) {
        arguments.push_back("--json");
        const Answer answer = chronos(std::move(arguments), input);
        EXPECT_EQ(answer.exit_code, exit_code) << answer.out << answer.errors;
        return json::parse(last_line(answer.errors), nullptr, false);
    }
    void append_order() {
        expect_ok({"append", "--entity", "order:1", "--type", "order.placed", "--payload",
                   R"({"total":42,"paid":false})", "--tag", "customer:c1", "--occurred-at", "2026-01-01"});
        expect_ok({"append", "--entity", "order:1", "--type", "order.paid", "--payload", R"({"paid":true})",
                   "--occurred-at", "2026-02-01"});
    }
};

TEST_F(CommandLine, InitMakesAStoreAndLeavesOneThatIsThere) {
    const json first = ask({"init"});
    EXPECT_TRUE(first["created"]);
    const json second = ask({"init"});
    EXPECT_FALSE(second["created"]);
    EXPECT_EQ(first["database"], second["database"]);
}

TEST_F(CommandLine, AppendAnswersWhereTheEventWent) {
    const json answer = ask({"append", "--entity", "e", "--type", "t", "--payload", "{}"});
    EXPECT_EQ(answer["events"][0]["position"], 0);
    EXPECT_EQ(answer["events"][0]["version"], 1);
    EXPECT_EQ(answer["durability"], "durable");
    EXPECT_FALSE(answer["duplicate"]);
}

TEST_F(CommandLine, AppendTakesAnyJsonAsPayloadAndStandardInput) {
    for (const std::string payload : {"{}", "[]", "[1,2]", "null", "\"-\"", "-1"}) {
        expect_ok({"append", "--entity", "e", "--type", "t", "--payload", payload});
        EXPECT_EQ(ask({"query", "--entity", "e", "--last", "1"})["payload"], json::parse(payload));
    }
    expect_ok({"append", "--entity", "e", "--type", "t", "--payload", "-"}, R"({"from":"stdin"})");
    EXPECT_EQ(ask({"query", "--entity", "e", "--last", "1"})["payload"]["from"], "stdin");
    expect_error({"append", "--entity", "e", "--type", "t", "--payload", "{"}, 2);
}

TEST_F(CommandLine, AppendHoldsToItsConditions) {
    append_order();
    const json conflict = expect_error({"append", "--entity", "order:1", "--type", "t", "--expected-version", "1"}, 4);
    EXPECT_EQ(conflict["error"], "version_conflict");
    EXPECT_EQ(conflict["outcome"], "not_appended");
    EXPECT_EQ(conflict["conflicts"][0]["current_version"], 2);
    const std::string query = R"({"items":[{"types":["order.placed"],"tags":["customer:c1"]}]})";
    const json match = expect_error({"append", "--entity", "x", "--type", "t", "--fail-if-match", query}, 4);
    EXPECT_EQ(match["conflicts"][0]["first_match"]["position"], 0);
    expect_ok({"append", "--entity", "x", "--type", "t", "--fail-if-match", query, "--after", "0"});
}

TEST_F(CommandLine, AppendKnowsARetry) {
    const std::vector<std::string> retry{"append", "--entity", "e", "--type", "t", "--idempotency-key", "k"};
    EXPECT_FALSE(ask(retry)["duplicate"]);
    EXPECT_TRUE(ask(retry)["duplicate"]);
    EXPECT_EQ(ask({"query", "--count"})["count"], 1);
}

TEST_F(CommandLine, AppendTakesARequestInJson) {
    write_file("request.json", R"({"events":[{"entity_id":"a","event_type":"t","payload":{}},)"
                               R"({"entity_id":"b","event_type":"t","payload":{}}]})");
    EXPECT_EQ(ask({"append", "--from", "request.json"})["events"].size(), 2U);
    expect_error({"append", "--from", "request.json", "--entity", "e"}, 2);
}

TEST_F(CommandLine, StateIsWhatItWasAtATime) {
    append_order();
    EXPECT_EQ(ask({"state", "order:1"})["state"], json::parse(R"({"total":42,"paid":true})"));
    const json earlier = ask({"state", "order:1", "--as-of", "2026-01-15"});
    EXPECT_EQ(earlier["state"], json::parse(R"({"total":42,"paid":false})"));
    EXPECT_EQ(earlier["version"], 1);
    EXPECT_EQ(earlier["view"]["as_of"], "2026-01-15T00:00:00Z");
    expect_error({"state", "order:1", "--as-of", "2025-01-01"}, 3);
    expect_error({"state", "order:2"}, 3);
}

TEST_F(CommandLine, StateNamesTheOriginOfEachField) {
    append_order();
    const json origins = ask({"state", "order:1", "--origins"})["origins"];
    ASSERT_EQ(origins.size(), 2U);
    EXPECT_EQ(origins[1]["pointer"], "/paid");
    EXPECT_EQ(origins[1]["version"], 2);
}

TEST_F(CommandLine, HistoryShowsWhatEachEventChanged) {
    append_order();
    const std::string lines = expect_ok({"history", "order:1", "--json"});
    ASSERT_EQ(line_count(lines), 2U);
    const json changes = json::parse(last_line(lines))["changes"];
    EXPECT_EQ(changes, json::parse(R"([{"pointer":"/paid","before":false,"after":true}])"));
    EXPECT_NE(expect_ok({"history", "order:1"}).find("/paid: false → true"), std::string::npos);
}

TEST_F(CommandLine, WhatALateEventSetHasNoFalseDuration) {
    const auto append = [this](const std::string& day, const std::string& type, const std::string& payload) {
        expect_ok({"append", "--entity", "order:1", "--type", type, "--occurred-at", day, "--payload", payload});
    };
    append("2026-01-01", "order.placed", R"({"total":42,"status":"paid"})");
    append("2026-01-05", "order.shipped", R"({"status":"shipped"})");
    append("2026-01-03", "order.held", R"({"status":"held"})");
    append("2026-01-04", "order.released", R"({"status":"paid"})");
    const auto status = [this](std::vector<std::string> more) {
        more.insert(more.begin(), {"history", "order:1", "--fields", "--json"});
        return json::parse(last_line(expect_ok(more)));
    };
    json field = status({"--as-of", "2026-01-06"});
    EXPECT_EQ(field["pointer"], "/status");
    EXPECT_EQ(field["since_is"], "recorded");
    EXPECT_FALSE(field.contains("duration_ns")) << field.dump();
    EXPECT_NE(field["hint"].get<std::string>().find("--fold-order occurred"), std::string::npos);
    field = status({});
    EXPECT_LT(field["duration_ns"].get<std::int64_t>(), 3'600'000'000'000) << "since it was recorded";
    field = status({"--as-of", "2026-01-06", "--fold-order", "occurred"});
    EXPECT_EQ(field["value"], "shipped");
    EXPECT_EQ(field["since_is"], "occurred");
    EXPECT_EQ(field["duration_ns"], 86'400'000'000'000);
    EXPECT_FALSE(field.contains("hint"));

    const Answer text = chronos({"history", "order:1", "--fields", "--as-of", "2026-01-06"});
    EXPECT_NE(text.out.find("order.released  version 4  2026-01-04T00:00:00Z  late, recorded "), std::string::npos);
    EXPECT_NE(text.out.find("/total: 42\n  order.placed  version 1  2026-01-01T00:00:00Z  for 5d"), std::string::npos)
        << text.out;
    EXPECT_EQ(text.out.find("for 2d"), std::string::npos) << text.out;
    for (const char* command : {"history", "state"}) {
        const std::string note = chronos({command, "order:1"}).errors;
        EXPECT_NE(note.find("2 late events were appended after one that occurred later"), std::string::npos) << note;
        EXPECT_NE(note.find("--fold-order occurred"), std::string::npos) << note;
        EXPECT_EQ(chronos({command, "order:1", "--fold-order", "occurred"}).errors, "");
    }
}

TEST_F(CommandLine, ATypeThatIsNotThereIsToldWithTheOneThatIsSpelledSo) {
    append_order();
    const std::string note = chronos({"query", "--type", "order.payd"}).errors;
    EXPECT_NE(note.find("no event has the type order.payd; did you mean order.paid"), std::string::npos) << note;
}

TEST_F(CommandLine, HelpAndMistakesDoNotShowTheSyntaxOfTheParser) {
    const std::string help = expect_ok({"query", "--help"}) + expect_ok({"ingest", "--help"});
    for (const char* leaked : {"UINT", "TEXT:", "kb(=", "Excludes:"}) EXPECT_EQ(help.find(leaked), std::string::npos);
    EXPECT_NE(help.find("--order forward|backward"), std::string::npos) << help;
    EXPECT_NE(help.find("1 to 100000; default: 1000"), std::string::npos) << help;
    EXPECT_NE(chronos({"mcp", "--scope", "root"}).errors.find("'root' is none of read, write:forks, write"),
              std::string::npos);
}

TEST_F(CommandLine, QueryFilters) {
    append_order();
    const auto count = [this](std::vector<std::string> filter) {
        filter.insert(filter.begin(), {"query", "--count"});
        return ask(std::move(filter))["count"].get<int>();
    };
    EXPECT_EQ(count({}), 2);
    EXPECT_EQ(count({"--type", "order.paid"}), 1);
    EXPECT_EQ(count({"--type-prefix", "order."}), 2);
    EXPECT_EQ(count({"--tag", "customer:c1"}), 1);
    EXPECT_EQ(count({"--where", "/total >= 42"}), 1);
    EXPECT_EQ(count({"--where", "/paid = true", "--entity", "order:1"}), 1);
    EXPECT_EQ(count({"--occurred-since", "2026-01-15"}), 1);
    EXPECT_EQ(count({"--since", "1 hour ago"}), 2);
    EXPECT_EQ(count({"--as-of", "2026-01-15"}), 1);
    EXPECT_EQ(count({"--at", "0"}), 1);
}

TEST_F(CommandLine, QueryGoesOnWithACursor) {
    for (int i = 0; i < 5; ++i) expect_ok({"append", "--entity", "e", "--type", "t", "--payload", std::to_string(i)});
    std::string cursor;
    std::set<int> seen;
    for (int page = 0; page < 3; ++page) {
        std::vector<std::string> query{"query", "--limit", "2", "--json"};
        if (!cursor.empty()) query.insert(query.end(), {"--cursor", cursor});
        const std::string lines = expect_ok(query);
        cursor = json::parse(last_line(lines)).value("next_cursor", "");
        for (std::size_t begin = 0; begin < lines.size(); begin = lines.find('\n', begin) + 1) {
            const json line = json::parse(lines.substr(begin, lines.find('\n', begin) - begin));
            if (line.contains("payload")) seen.insert(line["payload"].get<int>());
        }
    }
    EXPECT_EQ(seen.size(), 5U);
    EXPECT_TRUE(cursor.empty());
}

TEST_F(CommandLine, QueryGoesOnWithTheTimesOfItsFirstPage) {
    for (int i = 0; i < 3; ++i) expect_ok({"append", "--entity", "e", "--type", "t", "--payload", std::to_string(i)});
    const std::string lines = expect_ok({"query", "--since", "1 hour ago", "--limit", "2", "--json"});
    const std::string cursor = json::parse(last_line(lines))["next_cursor"];
    const std::string rest = expect_ok({"query", "--since", "1 hour ago", "--cursor", cursor, "--json"});
    EXPECT_EQ(json::parse(last_line(rest))["payload"], 2);
    expect_error({"query", "--since", "2 hours ago", "--cursor", cursor}, 2);
}

TEST_F(CommandLine, AnEmptyAnswerSaysWhatWasSearched) {
    append_order();
    const Answer answer = chronos({"query", "--type", "order.sent"});
    EXPECT_EQ(answer.exit_code, 0);
    EXPECT_EQ(answer.out, "");
    EXPECT_NE(answer.errors.find("searched 2 events"), std::string::npos) << answer.errors;
    EXPECT_NE(answer.errors.find("order.placed"), std::string::npos) << answer.errors;
}

TEST_F(CommandLine, IngestSummarisesAndIsIdempotentByIds) {
    const std::string lines =
        R"({"id":"00000000-0000-4000-8000-000000000001","entity_id":"e","event_type":"t","payload":{}})"
        "\n"
        R"({"id":"00000000-0000-4000-8000-000000000002","entity_id":"e","event_type":"t","payload":{}})"
        "\n";
    EXPECT_EQ(
        json::parse(expect_ok({"ingest", "-"}, lines)),
        json::parse(R"({"summary":{"lines":2,"appended":2,"duplicates":0,"failed_line":null,"committed_through":2}})"));
    const std::string third =
        R"({"id":"00000000-0000-4000-8000-000000000003","entity_id":"e","event_type":"t","payload":{}})";
    const json again = json::parse(expect_ok({"ingest", "-"}, lines + third));
    EXPECT_EQ(again["summary"]["appended"], 1);
    EXPECT_EQ(again["summary"]["duplicates"], 2);
    EXPECT_EQ(ask({"query", "--count"})["count"], 3);
}

TEST_F(CommandLine, IngestNamesTheLineThatIsWrongAndKeepsThoseBefore) {
    const std::string good = R"({"entity_id":"e","event_type":"t","payload":{}})";
    for (const std::string bad :
         {"{", R"({"entity_id":"e","event_type":"t"})", R"({"entity_id":"e","event_type":"a b","payload":{}})"}) {
        const Answer answer =
            chronos({"ingest", "-", "--batch", "2"}, good + "\n" + good + "\n" + good + "\n" + bad + "\n" + good);
        EXPECT_EQ(answer.exit_code, 2);
        EXPECT_NE(answer.errors.find("line 4"), std::string::npos) << answer.errors;
        const json summary = json::parse(last_line(answer.out))["summary"];
        EXPECT_EQ(summary["failed_line"], 4);
        EXPECT_EQ(summary["appended"], 3);
        EXPECT_EQ(summary["committed_through"], 3);
    }
}

TEST_F(CommandLine, ExportAndIngestRoundTripThroughEveryCompression) {
    append_order();
    for (const std::string compression : {"", "--gzip", "--zstd"}) {
        const std::string file = "export" + compression;
        std::vector<std::string> command{"export", "--out", file};
        if (!compression.empty()) command.push_back(compression);
        expect_ok(command);
        const json summary =
            json::parse(expect_ok({"ingest", file, "--mode", "import", "--dir", "copy" + compression}))["summary"];
        EXPECT_EQ(summary["appended"], 2);
        const json copy = json::parse(expect_ok({"query", "--last", "1", "--json", "--dir", "copy" + compression}));
        const json original = ask({"query", "--last", "1"});
        EXPECT_EQ(copy["id"], original["id"]);
        EXPECT_EQ(copy["occurred_at"], original["occurred_at"]);
        EXPECT_EQ(copy["metadata"]["origin"]["position"], 1);
        if (compression.empty()) continue;
        const std::string whole = read_file(file);
        write_file("cut", whole.substr(0, whole.size() - 5));
        const Answer cut = chronos({"ingest", "cut", "--mode", "import", "--dir", "cut-copy"});
        EXPECT_EQ(cut.exit_code, 2);
        EXPECT_NE(cut.errors.find("cut off"), std::string::npos) << cut.errors;
    }
    EXPECT_EQ(chronos({"export", "--out", "export"}).exit_code, 4);
}

TEST_F(CommandLine, ImportCsvMakesEventsOfRecords) {
    write_file("orders.csv", "order,total,at\norder:1,42,2026-01-01\n\"order:2\",7,2026-01-02\n");
    expect_ok({"import", "csv", "orders.csv", "--entity-column", "order", "--type", "order.placed", "--time-column",
               "at", "--infer-types"});
    EXPECT_EQ(ask({"state", "order:2"})["state"]["total"], 7);
    write_file("bad.csv", "order\nok\n\"open\n");
    const Answer answer = chronos({"import", "csv", "bad.csv", "--entity-column", "order", "--type", "t"});
    EXPECT_EQ(answer.exit_code, 2);
    EXPECT_NE(answer.errors.find("line 3"), std::string::npos) << answer.errors;
}

TEST_F(CommandLine, ImportCloudEventsIsIdempotent) {
    const std::string event = R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"e","data":{"a":1}})";
    for (const std::string& text : {event + "\n", "[" + event + "]"}) expect_ok({"import", "cloudevents", "-"}, text);
    EXPECT_EQ(ask({"query", "--count"})["count"], 1);
    EXPECT_EQ(ask({"state", "e"})["state"]["a"], 1);
}

TEST_F(CommandLine, ImportGitMakesABatchOfEachCommit) {
    const auto git = [this](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {"-C", "repo", "-c", "user.name=Ada L", "-c", "user.email=ada@example.org"});
        const Answer answer = run_program("git", arguments, directory_);
        ASSERT_EQ(answer.exit_code, 0) << answer.errors;
    };
    std::filesystem::create_directory(directory_ / "repo");
    git({"init", "-q"});
    write_file("repo/first", "a\nb\nc\n");
    write_file(
        "repo/sp\xE9"
        "cial\nname",
        "x\n");
    git({"add", "."});
    git({"commit", "-q", "-m", "one\n\nbody", "--date", "2020-01-01T00:00:00Z"});
    git({"mv", "first", "second"});
    git({"commit", "-q", "-m", "two", "--date", "2021-01-01T00:00:00Z"});
    json first = ask({"import", "git", "repo"});
    EXPECT_EQ(first["commits"], 2);
    EXPECT_EQ(first["appended"], 6);
    json again = ask({"import", "git", "repo"});
    EXPECT_EQ(again["duplicate_commits"], 2);
    EXPECT_EQ(again["appended"], 0);

    const json then = ask({"state", "file:first", "--as-of", "2020-06-01"})["state"];
    EXPECT_EQ(then["exists"], true);
    EXPECT_EQ(then["lines_added"], 3);
    const json now = ask({"state", "file:first"})["state"];
    EXPECT_EQ(now["exists"], false);
    EXPECT_EQ(now["renamed_to"], "second");
    EXPECT_EQ(ask({"state", "file:second"})["state"]["old_path"], "first");
    EXPECT_TRUE(ask({"state",
                     "file:sp\\xE9"
                     "cial\\x0Aname"})["exists"]);
    EXPECT_EQ(ask({"query", "--type", "commit.created", "--tag", "author:Ada L", "--count"})["count"], 2);
    git({"rm", "-q", "second"});
    git({"commit", "-q", "-m", "three"});
    EXPECT_EQ(ask({"import", "git", "repo"})["appended"], 2);
}

TEST_F(CommandLine, ImportGitSaysWhatIsMissing) {
    std::filesystem::create_directory(directory_ / "plain");
    EXPECT_EQ(chronos({"import", "git", "nowhere"}).exit_code, 2);
    EXPECT_EQ(chronos({"import", "git", "plain", "--branch", "--output=x"}).exit_code, 2);
}

TEST_F(CommandLine, ErrorsHaveTheirExitCodes) {
    EXPECT_EQ(expect_error({"query"}, 3)["error"], "not_found");
    EXPECT_EQ(expect_error({"query", "--nonsense"}, 2)["error"], "invalid_argument");
    append_order();
    EXPECT_NE(expect_error({"query", "--at", "2026-01-01"}, 2)["message"].get<std::string>().find("--known-at"),
              std::string::npos);
    expect_error({"query", "--at", "999"}, 2);
    expect_error({"query", "--cursor", "nonsense"}, 2);
    const Answer human = chronos({"query", "--where", "total"});
    EXPECT_EQ(human.exit_code, 2);
    EXPECT_TRUE(human.errors.starts_with("chronos: ")) << human.errors;
}

TEST_F(CommandLine, VerifyFindsAStoreIntact) {
    append_order();
    const json report = ask({"verify", "--deep"});
    EXPECT_TRUE(report["intact"]);
    EXPECT_EQ(report["events"], 2);
    EXPECT_EQ(report["findings"], json::array());
}

TEST_F(CommandLine, StatsAndEntitiesShowWhatIsThere) {
    append_order();
    const json stats = ask({"stats"});
    EXPECT_EQ(stats["events"], 2);
    EXPECT_EQ(stats["entities"], 1);
    EXPECT_EQ(expect_ok({"entities"}), "order:1\n");
    EXPECT_EQ(expect_ok({"entities", "--prefix", "x"}), "");
}

TEST_F(CommandLine, BenchAnswersWithFiguresAndDurability) {
    const json append = ask({"bench", "append", "--events", "2000", "--entities", "10", "--batch", "100", "--threads",
                             "2", "--tags", "2", "--ids", "explicit", "--input", "json"});
    EXPECT_EQ(append["events"], 2000);
    EXPECT_EQ(append["durability"], "durable");
    EXPECT_GT(append["events_per_second"], 0);
    const json query = ask({"bench", "query", "--last", "10", "--queries", "100"});
    EXPECT_EQ(query["events_read"], 1000);
    EXPECT_GT(query["p99_us"], 0);
    EXPECT_EQ(ask({"bench", "append", "--in-memory", "--events", "10", "--dir", "none"})["durability"], "memory");
}

TEST_F(CommandLine, DemoRunsWithoutATerminalAndLeavesNothing) {
    const Answer answer =
        run_program("env", {"TMPDIR=" + directory_.string(), CHRONOS_PROGRAM, "demo", "--events", "5000"}, directory_);
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_NE(answer.out.find("events per second, durable"), std::string::npos) << answer.out;
    EXPECT_NE(answer.out.find("merged: 2 events"), std::string::npos) << answer.out;
    EXPECT_NE(answer.out.find("refused, and nothing was changed"), std::string::npos) << answer.out;
    EXPECT_EQ(answer.out.find('\x1b'), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(CommandLine, OutputThatCannotBeWrittenIsAnError) {
    append_order();
    const auto with_output = [this](const std::string& redirection) {
        return run_program("sh", {"-c", "\"$0\" query --dir data --json " + redirection, CHRONOS_PROGRAM}, directory_);
    };
    EXPECT_EQ(with_output("> /dev/full").exit_code, 8);
    const Answer closed = with_output("| true");
    EXPECT_EQ(closed.errors, "");
}

TEST_F(CommandLine, CompletionsKnowEveryCommand) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const std::string script = expect_ok({"completions", shell});
        for (const std::string word : {"append", "salvage", "cloudevents", "occurred-since"})
            EXPECT_NE(script.find(word), std::string::npos) << shell << " " << word;
    }
}

TEST_F(CommandLine, EveryCommandExplainsItselfWithAnExample) {
    const std::vector<std::vector<std::string>> commands{{"init"},
                                                         {"append"},
                                                         {"ingest"},
                                                         {"import", "git"},
                                                         {"import", "csv"},
                                                         {"import", "cloudevents"},
                                                         {"export"},
                                                         {"query"},
                                                         {"state"},
                                                         {"history"},
                                                         {"diff"},
                                                         {"entities"},
                                                         {"stats"},
                                                         {"verify"},
                                                         {"salvage"},
                                                         {"demo"},
                                                         {"version"},
                                                         {"completions"},
                                                         {"bench", "append"},
                                                         {"bench", "query"},
                                                         {"bench", "fork"},
                                                         {"fork", "create"},
                                                         {"fork", "list"},
                                                         {"fork", "show"},
                                                         {"fork", "extend"},
                                                         {"fork", "discard"},
                                                         {"fork", "merge"},
                                                         {"fork", "diff"},
                                                         {"fork", "run"}};
    for (std::vector<std::string> command : commands) {
        const std::string name = command.back();
        command.push_back("--help");
        EXPECT_NE(expect_ok(command).find("Example:"), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace chronos::conformance
