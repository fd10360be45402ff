// The same commands against a server as against a directory: docs/reference/command-line.md.
#include <nlohmann/json.hpp>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

class RemoteCommand : public ProgramTest {
protected:
    /// Runs a script of sh beside a server, with $CHRONOS_URL and the key set and "$0" the program.
    Answer beside_server(const std::string& script) {
        const std::string all = R"sh(
            set -u
            "$0" serve --dir served --port 0 --json > started 2> server.log &
            server=$!
            for i in $(seq 600); do [ -s started ] && break; sleep 0.05; done
            CHRONOS_URL=$(sed 's/.*"url":"\([^"]*\)".*/\1/' started)
            CHRONOS_API_KEY_FILE=served/admin.key
            export CHRONOS_URL CHRONOS_API_KEY_FILE
            ( )sh" + script + R"sh( )
            code=$?
            kill -TERM $server
            wait $server || echo "the server ended with $?" >&2
            exit $code)sh";
        return run_program("sh", {"-c", all, program_path()}, directory_);
    }
};

TEST_F(RemoteCommand, AnswersAsADirectoryDoes) {
    const std::string commands = R"sh(
        "$0" append --entity order:1 --type order.placed --payload '{"total":42}' --tag a:1 --quiet > ignored &&
        "$0" append --entity order:1 --type order.paid --payload '{"paid":true}' --expected-version 1 > ignored &&
        "$0" query --entity order:1 --count &&
        "$0" query --tag a:1 --where '/total >= 42' --count &&
        "$0" state order:1 --json | sed 's/.*"state":\({[^}]*}\).*/\1/' &&
        "$0" state order:1 --at 0 --json | sed 's/.*"state":\({[^}]*}\).*/\1/' &&
        "$0" history order:1 | grep -c version &&
        "$0" entities &&
        "$0" diff --from-at 0 --json | grep -o '"settled":[a-z]*' &&
        "$0" export | sed 's/.*"event_type":"\([^"]*\)".*/\1/')sh";
    const std::string expected =
        "2\n1\n{\"total\":42,\"paid\":true}\n{\"total\":42}\n2\norder:1\n\"settled\":true\n\"settled\":false\norder."
        "placed\norder.paid\n";
    const Answer remote = beside_server(commands);
    EXPECT_EQ(remote.exit_code, 0) << remote.errors;
    EXPECT_EQ(remote.out, expected);
    const Answer local = run_program(
        "sh", {"-c", "export CHRONOS_DIR=data; unset CHRONOS_URL; ( " + commands + " )", program_path()}, directory_);
    EXPECT_EQ(local.exit_code, 0) << local.errors;
    EXPECT_EQ(local.out, expected);
}

TEST_F(RemoteCommand, ForksAreMadeComparedAndMerged) {
    const Answer answer = beside_server(R"sh(
        "$0" append --entity a --type t --payload '{"x":1}' > ignored
        "$0" fork create --name try > ignored
        "$0" append --entity a --type t --payload '{"x":2}' --fork try > ignored 2>&1
        "$0" fork diff try | grep '/x: 1 → 2'
        "$0" append --entity a --type t --payload '{"x":3}' > ignored
        "$0" fork merge try > refused; echo $?
        grep -c 'entity-moved' refused
        "$0" fork merge try --force a > ignored; echo $?
        "$0" state a --json | sed 's/.*"state":\({[^}]*}\).*/\1/'
        "$0" fork show try --json | sed 's/.*"status":"\([a-z]*\)".*/\1/')sh");
    EXPECT_EQ(answer.out, "  /x: 1 → 2  by version 2\n4\n1\n0\n{\"x\":2}\nmerged\n") << answer.errors;
}

TEST_F(RemoteCommand, LinesAreIngestedAndThoseBeforeABadOneStay) {
    write_file("good", "{\"entity_id\":\"a\",\"event_type\":\"t\",\"payload\":{}}\n");
    write_file("bad", "{\"entity_id\":\"b\",\"event_type\":\"t\",\"payload\":{}}\nnonsense\n");
    const Answer answer = beside_server(R"sh(
        "$0" ingest good bad; echo $?
        "$0" query --count)sh");
    EXPECT_EQ(answer.out,
              "{\"summary\":{\"lines\":3,\"appended\":2,\"duplicates\":0,\"failed_line\":3,\"committed_through\":2}}\n"
              "2\n2\n");
    EXPECT_NE(answer.errors.find("line 3"), std::string::npos) << answer.errors;
}

TEST_F(RemoteCommand, ImportsGoToAServerToo) {
    write_file("orders.csv", "order,total\na,1\nb,2\n");
    write_file("events",
               "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/"
               "s\",\"type\":\"t.t\",\"subject\":\"c\",\"data\":{\"x\":1}}\n");
    const Answer answer = beside_server(R"sh(
        "$0" import csv orders.csv --entity-column order --type order.placed --infer-types --json
        "$0" import cloudevents events --json
        "$0" import cloudevents events --json
        mkdir repository && cd repository && git init -q . && git config user.email a@b && git config user.name a
        for i in 1 2 3; do echo $i > file; git add file; git commit -qm "change $i"; done
        cd ..
        CHRONOS_API_KEY_FILE=$PWD/served/admin.key
        "$0" import git repository --json | sed 's/,"seconds.*//'
        "$0" import git repository --json | sed 's/,"seconds.*//'
        "$0" query --entity file:file --count
        "$0" state a --json | sed 's/.*"state":\({[^}]*}\).*/\1/')sh");
    EXPECT_EQ(answer.out,
              "{\"appended\":2,\"duplicates\":0,\"committed_through\":3}\n"
              "{\"appended\":1,\"duplicates\":0,\"committed_through\":1}\n"
              "{\"appended\":0,\"duplicates\":1,\"committed_through\":1}\n"
              "{\"commits\":3,\"duplicate_commits\":0,\"appended\":6\n"
              "{\"commits\":3,\"duplicate_commits\":3,\"appended\":0\n"
              "3\n{\"total\":1}\n")
        << answer.errors;
}

TEST_F(RemoteCommand, TopShowsWhatTheServerDoes) {
    const Answer answer = beside_server(R"sh(
        "$0" top --interval-ms 1500 --count 1 --json > looked &
        top=$!
        sleep 0.3
        while kill -0 $top 2> ignored; do "$0" append --entity a --type t > ignored; done
        wait $top
        sed 's/"log_bytes.*//' looked | grep -c '"events":[1-9]'
        grep -c '"route":"/api/v1/events/batch"' looked
        "$0" top --interval-ms 100 --count 2 | grep -c '^events'
        CHRONOS_URL= "$0" top 2> directory; echo $?)sh");
    EXPECT_EQ(answer.out, "1\n1\n2\n2\n") << answer.errors << read_file("looked");
}

TEST_F(RemoteCommand, ErrorsAreThoseOfTheStore) {
    const Answer answer = beside_server(R"sh(
        "$0" append --entity a --type t --expected-version 7 2> conflict; echo $?
        "$0" state nothing 2> absent; echo $?
        "$0" query --fork nothing 2> fork; echo $?
        CHRONOS_API_KEY_FILE=/dev/null "$0" stats 2> key; echo $?
        CHRONOS_URL=http://127.0.0.1:1 "$0" stats 2> down; echo $?
        CHRONOS_URL=ftp://x "$0" stats 2> scheme; echo $?)sh");
    EXPECT_EQ(answer.out, "4\n3\n3\n2\n8\n2\n") << answer.errors;
    EXPECT_NE(read_file("conflict").find("has version 0, expected version 7"), std::string::npos);
    EXPECT_NE(read_file("key").find("a credential is needed"), std::string::npos);
    EXPECT_NE(read_file("down").find("is the server running there?"), std::string::npos);
}

TEST_F(RemoteCommand, WhatIsNamedOnTheCommandLineBeatsVariables) {
    const Answer answer = beside_server(R"sh(
        "$0" append --url http://127.0.0.1:1 --entity a --type t 2> down; echo $?
        "$0" --url http://127.0.0.1:1 stats 2> down; echo $?
        "$0" init --dir here --quiet; "$0" append --dir here --entity a --type t > ignored; "$0" stats --json | grep -c '"events":0'
        "$0" stats --dir here --url "$CHRONOS_URL" 2> both; echo $?
        "$0" stats --dir here --api-key-file /nope --json | grep -c '"events":1'
        CHRONOS_API_KEY_FILE=/nope "$0" stats --api-key-file "$CHRONOS_API_KEY_FILE" --json | grep -c '"events":0'
        CHRONOS_MEMORY_BUDGET=64MiB "$0" stats --dir here --memory-budget 128MiB --json | grep -c '"memory_budget":134217728'
        CHRONOS_MEMORY_BUDGET=64MiB "$0" stats --dir here --json | grep -c '"memory_budget":67108864'
        CHRONOS_FORK_LIMIT=1 "$0" fork create --dir here --fork-limit 3 --quiet > fork
        CHRONOS_FORK_LIMIT=1 "$0" fork create --dir here --fork-limit 3 --quiet > fork; echo $?
        CHRONOS_FORK_LIMIT=1 "$0" fork create --dir here --quiet 2> limit; echo $?
        CHRONOS_MEMORY_BUDGET=much "$0" stats --dir here 2> unread; echo $?)sh");
    EXPECT_EQ(answer.out, "8\n8\n1\n2\n1\n1\n1\n1\n0\n9\n2\n") << answer.errors << read_file("limit");
    EXPECT_NE(read_file("both").find("--dir and --url name two stores"), std::string::npos);
    EXPECT_NE(read_file("unread").find("CHRONOS_MEMORY_BUDGET"), std::string::npos);
}

TEST_F(RemoteCommand, CommandsThatNeedFilesRefuseAServer) {
    const Answer answer = beside_server(R"sh(
        for command in init verify 'salvage --to x' 'restore --from x' 'fork reclaim'; do "$0" $command 2> said; echo $?; done
        "$0" init --dir here --quiet && "$0" verify --dir here > ignored; echo $?
        for command in serve demo 'bench fork' 'config check f'; do "$0" $command --url "$CHRONOS_URL" 2> said; echo $?; done
        cat said; ls)sh");
    EXPECT_EQ(answer.out.substr(0, 20), "2\n2\n2\n2\n2\n0\n2\n2\n2\n2\n") << answer.errors;
    EXPECT_EQ(answer.out.find("chronos-data"), std::string::npos) << answer.out;
    EXPECT_NE(answer.out.find("works on a directory and cannot ask a server"), std::string::npos) << answer.out;
}

TEST_F(RemoteCommand, BenchAsksAServerThatIsNamed) {
    const Answer answer = beside_server(R"sh(
        "$0" bench append --url "$CHRONOS_URL" --events 3000 --entities 50 --batch 100 --threads 2 --json > appended
        grep -o '"bench":"append"' appended; grep -o '"durability":"durable","threads":2,"batch":100' appended
        "$0" stats --json | grep -c '"events":3000'
        "$0" bench query --url "$CHRONOS_URL" --last 5 --queries 100 --threads 2 --json > asked
        grep -o '"bench":"query"' asked; grep -o '"queries":100,"threads":2,"entities":50' asked
        "$0" append --entity a --type mine > ignored
        "$0" bench append --url "$CHRONOS_URL" --events 10 2> refused; echo $?
        "$0" bench append --url "$CHRONOS_URL" --events 10 --in-memory 2> memory; echo $?)sh");
    EXPECT_EQ(answer.out,
              "\"bench\":\"append\"\n\"durability\":\"durable\",\"threads\":2,\"batch\":100\n1\n\"bench\":\"query\"\n"
              "\"queries\":100,\"threads\":2,\"entities\":50\n2\n2\n")
        << answer.errors;
}

TEST_F(RemoteCommand, ForkRunTellsTheCommandWhereTheForkIs) {
    const Answer answer = beside_server(R"sh(
        "$0" append --entity a --type t > ignored
        CHRONOS_URL=http://127.0.0.1:1 "$0" fork run --url "$CHRONOS_URL" --merge-if-ok --quiet -- \
            "$0" append --entity a --type u > merged; echo $?
        "$0" query --entity a --count
        "$0" init --dir here --quiet
        "$0" fork run --dir here --merge-if-ok --quiet -- "$0" append --entity b --type u > merged; echo $?
        "$0" query --dir here --entity b --count; "$0" query --entity b --count)sh");
    EXPECT_EQ(answer.out, "0\n2\n0\n1\n0\n") << answer.errors;
}

}  // namespace
}  // namespace chronos::conformance
