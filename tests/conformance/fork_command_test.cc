// What the program promises about forks: docs/reference/command-line.md, docs/guides/forks.md.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

class ForkCommand : public ProgramTest {
protected:
    json ask(std::vector<std::string> arguments) {
        arguments.push_back("--json");
        return json::parse(last_line(expect_ok(std::move(arguments))), nullptr, false);
    }
    /// Runs what must fail, with --json; answers the error and checks the exit code.
    json expect_error(std::vector<std::string> arguments, int exit_code) {
        arguments.push_back("--json");
        const Answer answer = chronos(std::move(arguments));
        EXPECT_EQ(answer.exit_code, exit_code) << answer.out << answer.errors;
        return json::parse(last_line(answer.errors), nullptr, false);
    }
    void append(const std::string& entity, const std::string& payload, const std::string& branch = "main") {
        expect_ok({"append", "--entity", entity, "--type", "t", "--payload", payload, "--fork", branch});
    }
    std::string create(std::vector<std::string> options = {}) {
        options.insert(options.begin(), {"fork", "create"});
        return ask(std::move(options))["id"];
    }
    json state(const std::string& entity, const std::string& branch = "main") {
        return ask({"state", entity, "--fork", branch})["state"];
    }
    std::uint64_t count(const std::string& branch = "main") {
        return ask({"query", "--count", "--fork", branch})["count"];
    }
    /// Runs the program with `variables` ("NAME=value") in its environment.
    Answer with_environment(std::vector<std::string> variables, const std::vector<std::string>& arguments) {
        variables.push_back(program_path());
        variables.insert(variables.end(), arguments.begin(), arguments.end());
        return run_program("env", variables, directory_);
    }
    /// `fork run <options> -- sh -c <script>`, where "$0" is the program.
    Answer run_on_fork(std::vector<std::string> options, const std::string& script) {
        options.insert(options.begin(), {"fork", "run"});
        options.insert(options.end(), {"--", "sh", "-c", script, program_path()});
        return chronos(std::move(options));
    }
};

TEST_F(ForkCommand, CreateSaysWhereItBeginsAndWhenItEnds) {
    append("order:1", R"({"total":42})");
    const Answer human = chronos({"fork", "create", "--name", "what-if", "--ttl", "2h"});
    EXPECT_EQ(human.exit_code, 0) << human.errors;
    EXPECT_TRUE(human.out.starts_with("Fork created: fork-")) << human.out;
    for (const std::string part : {"what-if", "main at position 0", "(in 2h)"})
        EXPECT_NE(human.out.find(part), std::string::npos) << human.out;
    const json fork = ask({"fork", "create", "--creator", "ada"});
    EXPECT_EQ(fork["id"].get<std::string>().size(), 31U);
    EXPECT_EQ(fork["parent"], "main");
    EXPECT_EQ(fork["fork_position"], 0);
    EXPECT_EQ(fork["depth"], 1);
    EXPECT_EQ(fork["status"], "live");
    EXPECT_EQ(fork["creator"], "ada");
    EXPECT_EQ(fork["own_events"], 0);
    EXPECT_EQ(fork["head"], 0);
    for (const std::string key : {"name", "created_at", "expires_at", "ended_at"})
        EXPECT_TRUE(fork.contains(key)) << key;
    const std::string id = expect_ok({"fork", "create", "--quiet"});
    EXPECT_TRUE(id.starts_with("fork-")) << id;
    EXPECT_EQ(id.size(), 32U) << id;
}

TEST_F(ForkCommand, AForkOfAnEmptyStoreBeginsAtNoPosition) {
    expect_ok({"init"});
    EXPECT_TRUE(ask({"fork", "create", "--name", "f"})["fork_position"].is_null());
    append("e", R"({"a":1})", "f");
    EXPECT_EQ(ask({"fork", "diff", "f"})["summary"]["added"], 1);
    EXPECT_EQ(count(), 0U);
}

TEST_F(ForkCommand, CreateRefusesWhatMakesNoSense) {
    append("e", "{}");
    create({"--name", "taken"});
    EXPECT_EQ(expect_error({"fork", "create", "--name", "taken"}, 4)["error"], "already_exists");
    for (const std::string ttl : {"0", "8d", "-1", "x", "1.5h", "5 parsecs"})
        expect_error({"fork", "create", "--ttl=" + ttl}, 2);
    expect_error({"fork", "create", "--at", "99"}, 2);
    expect_error({"fork", "create", "--at", "0", "--known-at", "now"}, 2);
    expect_error({"fork", "create", "--from", "nowhere"}, 3);
    EXPECT_EQ(chronos({"fork", "create", "--dir", "none"}).exit_code, 3);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "none"));
}

TEST_F(ForkCommand, AForkMayBeginInThePast) {
    append("e", R"({"n":0})");
    append("e", R"({"n":1})");
    const std::string fork = create({"--at", "0"});
    EXPECT_EQ(state("e", fork)["n"], 0);
    EXPECT_EQ(count(fork), 1U);
}

TEST_F(ForkCommand, ListShowsLiveForksAndWithAllTheOthers) {
    append("e", "{}");
    create({"--name", "one"});
    create({"--name", "two"});
    expect_ok({"fork", "discard", "one"});
    const std::string live = expect_ok({"fork", "list", "--json"});
    EXPECT_EQ(line_count(live), 1U) << live;
    EXPECT_EQ(json::parse(live)["name"], "two");
    const std::string all = expect_ok({"fork", "list", "--all", "--json"});
    EXPECT_EQ(line_count(all), 2U) << all;
    EXPECT_NE(all.find("discarded"), std::string::npos) << all;
    EXPECT_NE(expect_ok({"fork", "list"}).find("two"), std::string::npos);
    EXPECT_EQ(ask({"fork", "show", "two"})["name"], "two");
    EXPECT_NE(expect_ok({"fork", "show", "two"}).find("main at position 0"), std::string::npos);
}

TEST_F(ForkCommand, WhatHappensOnAForkStaysThere) {
    append("order:1", R"({"total":42})");
    const std::string fork = create({"--name", "f"});
    append("order:1", R"({"total":40})", "f");
    append("order:2", "{}", "f");
    EXPECT_EQ(state("order:1", "f")["total"], 40);
    EXPECT_EQ(state("order:1")["total"], 42);
    EXPECT_EQ(expect_ok({"entities", "--fork", "f"}), "order:1\norder:2\n");
    EXPECT_EQ(expect_ok({"entities"}), "order:1\n");
    EXPECT_EQ(line_count(expect_ok({"history", "order:1", "--fork", "f", "--json"})), 2U);
    EXPECT_EQ(line_count(expect_ok({"export", "--fork", "f"})), 3U);
    EXPECT_EQ(line_count(expect_ok({"query", "--fork", "f", "--json"})), 3U);
    EXPECT_EQ(ask({"stats", "--fork", "f"})["events"], 3);
    EXPECT_EQ(ask({"stats"})["events"], 1);
    EXPECT_EQ(ask({"fork", "show", "f"})["own_events"], 2);
    const json view = ask({"state", "order:1", "--fork", "f"})["view"];
    EXPECT_EQ(view["branch"], fork);
    EXPECT_TRUE(view.contains("expires_at"));
    EXPECT_FALSE(ask({"state", "order:1"})["view"].contains("expires_at"));
}

TEST_F(ForkCommand, AppendsToAForkSayWhere) {
    append("e", "{}");
    const std::string fork = create({"--name", "f"});
    const json answer = ask({"append", "--entity", "e", "--type", "t", "--fork", "f", "--expected-version", "1"});
    EXPECT_EQ(answer["branch"], fork);
    EXPECT_TRUE(answer.contains("expires_at"));
    EXPECT_EQ(answer["events"][0]["position"], 1);
    EXPECT_EQ(answer["events"][0]["version"], 2);
    EXPECT_EQ(ask({"append", "--entity", "e", "--type", "t"})["branch"], "main");
    EXPECT_EQ(expect_error({"append", "--entity", "e", "--type", "t", "--fork", "f", "--expected-version", "1"},
                           4)["conflicts"][0]["current_version"],
              2);
}

TEST_F(ForkCommand, EveryCommandThatAppendsMayDoSoOnAFork) {
    append("e", "{}");
    create({"--name", "f"});
    write_file("a.csv", "e\nx\n");
    expect_ok({"import", "csv", "a.csv", "--entity-column", "e", "--type", "t", "--fork", "f"});
    expect_ok({"import", "cloudevents", "-", "--fork", "f"},
              R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"y","data":{}})");
    const std::string line =
        R"({"id":"00000000-0000-4000-8000-000000000001","entity_id":"z","event_type":"t","payload":{}})";
    expect_ok({"ingest", "-", "--fork", "f"}, line);
    EXPECT_EQ(json::parse(expect_ok({"ingest", "-", "--fork", "f"}, line))["summary"]["duplicates"], 1);
    expect_ok({"bench", "append", "--events", "10", "--fork", "f"});
    EXPECT_EQ(count("f"), 14U);
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(ask({"bench", "query", "--queries", "10", "--fork", "f"})["queries"], 10);
}

TEST_F(ForkCommand, ImportGitMayDoSoOnAForkAndAgain) {
    const auto git = [this](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-C", "repo", "-c", "user.name=Ada", "-c", "user.email=a@example.org"});
        const Answer answer = run_program("git", arguments, directory_);
        ASSERT_EQ(answer.exit_code, 0) << answer.errors;
    };
    std::filesystem::create_directory(directory_ / "repo");
    git({"init", "-q"});
    write_file("repo/a", "1\n");
    git({"add", "."});
    git({"commit", "-q", "-m", "one"});
    expect_ok({"init"});
    create({"--name", "f"});
    EXPECT_EQ(ask({"import", "git", "repo", "--fork", "f"})["appended"], 2);
    EXPECT_EQ(ask({"import", "git", "repo", "--fork", "f"})["appended"], 0);
    EXPECT_EQ(count(), 0U);
}

TEST_F(ForkCommand, TheVariableNamesAForkAndTheOptionWins) {
    append("e", R"({"on":"main"})");
    const std::string fork = create({"--name", "f"});
    append("e", R"({"on":"f"})", "f");
    const auto shown = [this](std::vector<std::string> options) {
        std::vector<std::string> arguments{"state", "e", "--dir", "data", "--json"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return json::parse(with_environment({"CHRONOS_FORK=f"}, arguments).out)["state"]["on"];
    };
    EXPECT_EQ(shown({}), "f");
    EXPECT_EQ(shown({"--fork", "main"}), "main");
    EXPECT_EQ(shown({"--fork", fork}), "f");
    EXPECT_EQ(with_environment({"CHRONOS_FORK="}, {"state", "e", "--dir", "data", "--json"}).out.find("\"f\""),
              std::string::npos);
    const Answer unknown = with_environment({"CHRONOS_FORK=nowhere"}, {"stats", "--dir", "data"});
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_NE(unknown.errors.find("$CHRONOS_FORK"), std::string::npos) << unknown.errors;
    const Answer nested = with_environment({"CHRONOS_FORK=f"}, {"fork", "create", "--dir", "data", "--json"});
    EXPECT_EQ(json::parse(nested.out)["parent"], fork);
}

TEST_F(ForkCommand, ANoteSaysOnWhichForkOneIs) {
    append("e", "{}");
    const std::string fork = create({"--name", "f"});
    const Answer human = chronos({"state", "e", "--fork", "f"});
    EXPECT_NE(human.errors.find("on fork " + fork + " (f), expires in 23h"), std::string::npos) << human.errors;
    EXPECT_EQ(chronos({"state", "e", "--fork", "f", "--quiet"}).errors, "");
    EXPECT_EQ(chronos({"state", "e", "--fork", "f", "--json"}).errors, "");
    EXPECT_EQ(chronos({"state", "e"}).errors, "");
}

TEST_F(ForkCommand, AnIdMayBeShortened) {
    append("e", "{}");
    // Ids end in what differs or begin with it; so many share a first character in any case.
    std::vector<std::string> ids;
    for (int i = 0; i < 40; ++i) ids.push_back(create());
    EXPECT_EQ(ask({"fork", "show", ids[0].substr(0, 30)})["id"], ids[0]);
    std::string shared;
    for (const std::string& id : ids) {
        const auto same = std::count_if(ids.begin(), ids.end(),
                                        [&id](const std::string& other) { return other.starts_with(id.substr(0, 6)); });
        if (same > 1) shared = id.substr(0, 6);
    }
    ASSERT_FALSE(shared.empty());
    const json ambiguous = expect_error({"stats", "--fork", shared}, 2);
    EXPECT_NE(ambiguous["message"].get<std::string>().find(shared), std::string::npos);
    EXPECT_EQ(expect_error({"stats", "--fork", "fork-"}, 3)["error"], "not_found");
    EXPECT_EQ(expect_error({"stats", "--fork", "nowhere"}, 3)["error"], "not_found");
    expect_error({"fork", "show", "main"}, 2);
}

TEST_F(ForkCommand, DiscardedAndExpiredForksAreGone) {
    append("e", "{}");
    const std::string discarded = create();
    const std::string expired = create({"--ttl", "1s"});
    const json answer = ask({"fork", "discard", discarded});
    EXPECT_EQ(answer["status"], "discarded");
    EXPECT_FALSE(answer["ended_at"].is_null());
    std::this_thread::sleep_for(std::chrono::milliseconds(1'500));
    for (const std::string& fork : {discarded, expired}) {
        EXPECT_EQ(expect_error({"state", "e", "--fork", fork}, 3)["error"], "gone");
        EXPECT_EQ(expect_error({"append", "--entity", "e", "--type", "t", "--fork", fork}, 3)["error"], "gone");
        EXPECT_EQ(expect_error({"fork", "extend", fork, "--ttl", "1h"}, 3)["error"], "gone");
        EXPECT_EQ(expect_error({"fork", "merge", fork}, 3)["error"], "gone");
        EXPECT_EQ(expect_error({"fork", "diff", fork}, 3)["error"], "gone");
    }
    EXPECT_EQ(ask({"fork", "show", expired})["status"], "expired");
}

TEST_F(ForkCommand, ExtendCountsFromNow) {
    append("e", "{}");
    const json before = ask({"fork", "create", "--ttl", "10m"});
    const json after = ask({"fork", "extend", before["id"], "--ttl", "7d"});
    EXPECT_GT(after["expires_at"], before["expires_at"]);
    EXPECT_NE(expect_ok({"fork", "extend", before["id"], "--ttl", "3600"}).find("(in 1h)"), std::string::npos);
    expect_error({"fork", "extend", before["id"], "--ttl", "8d"}, 2);
    expect_error({"fork", "extend", before["id"]}, 2);
}

TEST_F(ForkCommand, DiffShowsFieldsAndEvents) {
    append("order:1", R"({"total":42})");
    append("order:2", R"({"total":1})");
    const std::string fork = create({"--name", "f"});
    append("order:1", R"({"total":40})", "f");
    append("order:2", R"({"total":2})");  // on main: no business of the fork's
    const std::string lines = expect_ok({"fork", "diff", "f", "--json"});
    ASSERT_EQ(line_count(lines), 2U) << lines;
    const json entity = json::parse(lines.substr(0, lines.find('\n')));
    EXPECT_EQ(entity["entity_id"], "order:1");
    EXPECT_EQ(entity["fields"][0]["pointer"], "/total");
    EXPECT_EQ(entity["fields"][0]["before"], 42);
    EXPECT_EQ(entity["fields"][0]["after"], 40);
    EXPECT_EQ(entity["added_count"], 1);
    const json summary = json::parse(last_line(lines))["summary"];
    EXPECT_EQ(summary["entities"], 1);
    EXPECT_EQ(summary["after"]["branch"], fork);
    EXPECT_NE(expect_ok({"fork", "diff", "f"}).find("/total: 42 → 40"), std::string::npos);
    const json against_main = ask({"fork", "diff", "f", "--against", "main"})["summary"];
    EXPECT_EQ(against_main["entities"], 2);
    EXPECT_EQ(against_main["removed"], 1);
    EXPECT_EQ(ask({"fork", "diff", "f", "--entity", "order:2"})["summary"]["entities"], 0);
}

TEST_F(ForkCommand, MergeAppendsToTheParentOnce) {
    append("order:1", R"({"total":42})");
    const std::string fork = create({"--name", "f"});
    append("order:1", R"({"total":40})", "f");
    append("order:2", "{}", "f");
    const json tried = ask({"fork", "merge", "f", "--dry-run"});
    EXPECT_FALSE(tried["merged"]);
    EXPECT_TRUE(tried["dry_run"]);
    EXPECT_EQ(tried["events"], 2);
    EXPECT_EQ(count(), 1U);
    const json merged = ask({"fork", "merge", "f", "--actor", "ada"});
    EXPECT_TRUE(merged["merged"]);
    EXPECT_EQ(merged["parent"], "main");
    EXPECT_EQ(merged["events"], 2);
    EXPECT_EQ(merged["first_position"], 1);
    EXPECT_EQ(merged["last_position"], 2);
    EXPECT_EQ(merged["conflicts"], json::array());
    EXPECT_EQ(state("order:1")["total"], 40);
    const json again = ask({"fork", "merge", fork});
    EXPECT_TRUE(again["duplicate"]);
    EXPECT_EQ(again["last_position"], 2);
    EXPECT_EQ(count(), 3U);
    EXPECT_EQ(ask({"fork", "show", fork})["status"], "merged");
    EXPECT_EQ(state("order:1", fork)["total"], 40);
    EXPECT_EQ(expect_error({"append", "--entity", "e", "--type", "t", "--fork", fork}, 3)["error"], "gone");
}

TEST_F(ForkCommand, ARefusedMergeShowsBothSidesAndChangesNothing) {
    append("order:1", R"({"total":42})");
    create({"--name", "f"});
    expect_ok({"append", "--entity", "order:1", "--type", "order.repriced", "--payload", R"({"total":40})",
               "--metadata", R"({"actor":"ada"})", "--fork", "f"});
    expect_ok({"append", "--entity", "order:1", "--type", "order.cancelled"});
    const Answer refused = chronos({"fork", "merge", "f", "--json"});
    EXPECT_EQ(refused.exit_code, 4);
    EXPECT_EQ(refused.errors, "");
    const json answer = json::parse(refused.out);
    EXPECT_FALSE(answer["merged"]);
    EXPECT_EQ(answer["conflict_count"], 1);
    const json conflict = answer["conflicts"][0];
    EXPECT_EQ(conflict["kind"], "entity-moved");
    EXPECT_EQ(conflict["entity_id"], "order:1");
    EXPECT_EQ(conflict["base_version"], 1);
    EXPECT_EQ(conflict["fork_version"], 2);
    EXPECT_EQ(conflict["parent_version"], 2);
    EXPECT_EQ(conflict["fork_events"][0]["event_type"], "order.repriced");
    EXPECT_EQ(conflict["parent_events"][0]["event_type"], "order.cancelled");
    const Answer human = chronos({"fork", "merge", "f"});
    EXPECT_EQ(human.exit_code, 4);
    for (const std::string part : {"not merged: 1 conflict", "entity-moved", "order.repriced", "by ada",
                                   "order.cancelled", "--skip order:1", "--append-if-moved"})
        EXPECT_NE(human.out.find(part), std::string::npos) << part << "\n" << human.out;
    EXPECT_EQ(chronos({"fork", "merge", "f", "--dry-run"}).exit_code, 4);
    EXPECT_EQ(count(), 2U);
    EXPECT_EQ(ask({"fork", "show", "f"})["status"], "live");
}

TEST_F(ForkCommand, ConflictsAreResolvedByOptions) {
    append("a", R"({"n":0})");
    append("b", R"({"n":0})");
    const auto fork_with_conflicts = [this](const std::string& name) {
        create({"--name", name});
        for (const std::string& branch : {name, std::string("main")}) {
            append("a", R"({"n":"a )" + branch + "\"}", branch);
            append("b", R"({"n":"b )" + branch + "\"}", branch);
        }
    };
    fork_with_conflicts("skipped");
    EXPECT_EQ(chronos({"fork", "merge", "skipped", "--skip", "a"}).exit_code, 4);
    const json skipped = ask({"fork", "merge", "skipped", "--skip", "a", "--others", "force"});
    EXPECT_TRUE(skipped["merged"]);
    EXPECT_EQ(skipped["skipped"], 1);
    EXPECT_EQ(skipped["forced"], 1);
    EXPECT_EQ(state("a")["n"], "a main");
    EXPECT_EQ(state("b")["n"], "b skipped");
    fork_with_conflicts("forced");
    EXPECT_EQ(ask({"fork", "merge", "forced", "--force", "a", "--force", "b"})["events"], 2);
    fork_with_conflicts("moved");
    EXPECT_TRUE(ask({"fork", "merge", "moved", "--append-if-moved"})["merged"]);
    EXPECT_EQ(state("a")["n"], "a moved");
    expect_error({"fork", "merge", "moved", "--skip", "a", "--force", "a"}, 2);
    expect_error({"fork", "merge", "moved", "--others", "ours"}, 2);
}

TEST_F(ForkCommand, ANameThatTheForkDidNotWriteStopsTheMerge) {
    append("order:0", "{}");
    create({"--name", "f"});
    append("order:1", "{}", "f");
    append("order:2", "{}", "f");
    for (const std::string option : {"--skip", "--force"}) {
        const std::string message = expect_error({"fork", "merge", "f", option, "ordr:1"}, 2)["message"];
        EXPECT_NE(message.find("wrote no event of 'ordr:1'"), std::string::npos) << message;
        EXPECT_NE(message.find("it wrote 'order:1', 'order:2'"), std::string::npos) << message;
    }
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(ask({"fork", "merge", "f", "--skip", "order:1"})["events"], 1);
}

TEST_F(ForkCommand, AnUnknownEntityIsNoAnswerThatNothingDiffers) {
    append("order:1", "{}");
    EXPECT_EQ(expect_ok({"diff", "order:1", "--from-at", "0"}).find("nothing differs"), 0U);
    const Answer unknown = chronos({"diff", "ordr:1", "--from-at", "0"});
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_NE(unknown.errors.find("nearest ids: order:1"), std::string::npos) << unknown.errors;
}

TEST_F(ForkCommand, AConditionOfTheForkIsCheckedOnTheParent) {
    append("order:1", "{}");
    create({"--name", "f"});
    expect_ok({"append", "--entity", "ticket:1", "--type", "ticket.sold", "--fork", "f", "--fail-if-match",
               R"({"items":[{"types":["ticket.sold"]}]})"});
    expect_ok({"append", "--entity", "ticket:2", "--type", "ticket.sold"});
    const Answer refused = chronos({"fork", "merge", "f", "--append-if-moved", "--json"});
    EXPECT_EQ(refused.exit_code, 4);
    EXPECT_EQ(json::parse(refused.out)["conflicts"][0]["kind"], "condition-fails");
}

TEST_F(ForkCommand, AChildOutlivesItsParentButCannotBeMerged) {
    append("e", R"({"n":0})");
    const std::string parent = create({"--name", "parent"});
    append("e", R"({"n":1})", "parent");
    const json child = ask({"fork", "create", "--from", "parent", "--name", "child"});
    EXPECT_EQ(child["parent"], parent);
    EXPECT_EQ(child["depth"], 2);
    append("e", R"({"n":2})", "child");
    expect_ok({"fork", "discard", "parent", "--yes"});
    EXPECT_EQ(state("e", "child")["n"], 2);
    EXPECT_EQ(line_count(expect_ok({"history", "e", "--fork", "child", "--json"})), 3U);
    EXPECT_EQ(ask({"fork", "diff", "child"})["summary"]["added"], 1);
    EXPECT_EQ(expect_error({"fork", "merge", "child"}, 3)["error"], "gone");
}

TEST_F(ForkCommand, AChildMergesIntoItsDirectParent) {
    append("e", R"({"n":0})");
    create({"--name", "parent"});
    create({"--name", "child", "--from", "parent"});
    append("e", R"({"n":2})", "child");
    expect_ok({"fork", "merge", "child"});
    EXPECT_EQ(state("e", "parent")["n"], 2);
    EXPECT_EQ(state("e")["n"], 0);
    expect_ok({"fork", "merge", "parent"});
    EXPECT_EQ(state("e")["n"], 2);
}

TEST_F(ForkCommand, RunMergesWhatACommandDid) {
    append("e", R"({"n":0})");
    const Answer answer = run_on_fork({"--merge-if-ok"},
                                      "\"$0\" append --entity e --type t --payload '{\"n\":1}' --quiet;"
                                      " \"$0\" query --count --fork main --quiet");
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_NE(answer.out.find("\n1\n"), std::string::npos) << answer.out;  // main meanwhile
    EXPECT_NE(answer.out.find("/n: 0 → 1"), std::string::npos) << answer.out;
    EXPECT_NE(answer.out.find("merged: 1 event"), std::string::npos) << answer.out;
    EXPECT_EQ(state("e")["n"], 1);
}

TEST_F(ForkCommand, RunSaysHowItEnded) {
    append("e", "{}");
    const auto outcome = [this](const std::vector<std::string>& options, const std::string& script, int exit_code) {
        std::vector<std::string> all{"--json"};
        all.insert(all.end(), options.begin(), options.end());
        const Answer answer = run_on_fork(all, script);
        EXPECT_EQ(answer.exit_code, exit_code) << answer.out << answer.errors;
        return json::parse(last_line(answer.out), nullptr, false);
    };
    const std::string append = "\"$0\" append --entity x --type t >/dev/null";
    const json kept = outcome({"--keep", "--name", "kept", "--ttl", "10m"}, append, 0);
    EXPECT_EQ(kept["outcome"], "kept");
    EXPECT_EQ(kept["fork"]["own_events"], 1);
    EXPECT_EQ(kept["fork"]["name"], "kept");
    EXPECT_EQ(outcome({"--discard"}, append, 0)["outcome"], "discarded");
    EXPECT_EQ(outcome({}, append, 0)["outcome"], "kept");
    EXPECT_EQ(outcome({"--merge-if-ok"}, append, 0)["outcome"], "merged");
    const json failed = outcome({"--merge-if-ok"}, append + "; exit 7", 7);
    EXPECT_EQ(failed["outcome"], "kept");
    EXPECT_EQ(failed["exit_code"], 7);
    EXPECT_EQ(outcome({"--discard"}, "exit 7", 7)["outcome"], "discarded");
    EXPECT_EQ(outcome({}, "kill -9 $$", 128 + 9)["outcome"], "kept");
    const json refused = outcome({"--merge-if-ok"}, append + "; \"$0\" append --entity x --type t --fork main", 4);
    EXPECT_EQ(refused["outcome"], "refused");
    EXPECT_EQ(refused["merge"]["conflict_count"], 1);
}

TEST_F(ForkCommand, RunLetsTheCommandEndItsFork) {
    append("e", "{}");
    for (const std::string end : {"merge", "discard"}) {
        const Answer answer =
            run_on_fork({"--json", "--discard"}, "\"$0\" append --entity x --type t >/dev/null; \"$0\" fork " + end +
                                                     " $CHRONOS_FORK >/dev/null");
        EXPECT_EQ(answer.exit_code, 0) << answer.out << answer.errors;
        EXPECT_EQ(json::parse(last_line(answer.out))["outcome"], end == "merge" ? "merged" : "discarded");
    }
}

TEST_F(ForkCommand, RunPassesEveryWordOn) {
    append("e", "{}");
    const Answer answer = chronos({"fork", "run", "--keep", "--", "printf", "<%s>", "", "--fork", "--", "a b"});
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_TRUE(answer.out.starts_with("<><--fork><--><a b>")) << answer.out;
    const Answer without_mark = chronos({"fork", "run", "--keep", "echo", "-n", "query"});
    EXPECT_TRUE(without_mark.out.starts_with("query")) << without_mark.out << without_mark.errors;
}

TEST_F(ForkCommand, RunLeavesNothingOfACommandThatIsNotThere) {
    append("e", "{}");
    EXPECT_EQ(chronos({"fork", "run", "--", "no-such-program-here"}).exit_code, 3);
    EXPECT_EQ(expect_ok({"fork", "list"}), "");
    EXPECT_EQ(chronos({"fork", "run"}).exit_code, 2);
    EXPECT_EQ(chronos({"fork", "run", "--keep", "--discard", "--", "true"}).exit_code, 2);
}

TEST_F(ForkCommand, RunNamesTheStoreByItsWholePath) {
    append("e", "{}");
    const Answer answer = run_on_fork({"--merge-if-ok", "--quiet"}, "cd / && \"$0\" append --entity x --type t");
    EXPECT_EQ(answer.exit_code, 0) << answer.errors;
    EXPECT_EQ(count(), 2U);
}

TEST_F(ForkCommand, BenchMeasuresForksAndDiscardsThem) {
    append("e", "{}");
    const json answer = ask({"bench", "fork", "--forks", "10", "--threads", "2", "--first-read"});
    EXPECT_EQ(answer["forks"], 10);
    EXPECT_EQ(answer["durability"], "durable");
    EXPECT_EQ(answer["events"], 1);
    EXPECT_GT(answer["p50_us"], 0);
    EXPECT_GT(answer["forks_per_second"], 0);
    EXPECT_GT(answer["first_read"]["p50_us"], 0);
    EXPECT_GT(answer["main_read"]["p50_us"], 0);
    EXPECT_EQ(expect_ok({"fork", "list"}), "");
    ask({"bench", "fork", "--forks", "3", "--keep"});
    EXPECT_EQ(line_count(expect_ok({"fork", "list", "--json"})), 3U);
}

TEST_F(ForkCommand, AStoreIsNotMadeForAFork) {
    EXPECT_EQ(chronos({"append", "--entity", "e", "--type", "t", "--fork", "f"}).exit_code, 3);
    EXPECT_FALSE(std::filesystem::exists(directory_ / "data"));
}

}  // namespace
}  // namespace chronos::conformance
