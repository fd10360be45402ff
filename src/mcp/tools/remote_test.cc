// The same questions to a store of this process and to one behind a server: the same answers.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "io/posix/posix_environment.h"
#include "mcp/tools/tool_fixture.h"
#include "server/server.h"

namespace chronos::mcp {
namespace {

namespace fs = std::filesystem;

/// Takes out what may differ: ids that a store gives, the clock.
Json comparable(const Json& value) {
    static const std::set<std::string> kOfTheStore{
        "id",       "now",   "last_event_age", "unchanged_for", "recorded_at", "first_recorded_at", "last_recorded_at",
        "held_for", "first", "last",           "until",         "expires_at",  "created_at",        "fork",
        "uri",      "cite",  "branch_changed", "branch",        "age",         "durability"};
    if (value.is_object()) {
        Json out = Json::object();
        for (const auto& [name, member] : value.items()) {
            if (!kOfTheStore.contains(name)) out[name] = comparable(member);
        }
        return out;
    }
    if (!value.is_array()) return value;
    Json out = Json::array();
    for (const Json& element : value) out.push_back(comparable(element));
    return out;
}

class RemoteTools : public ToolTest {
protected:
    RemoteTools() : folder_(fs::temp_directory_path() / ("mcp_remote_" + std::to_string(::getpid()))) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        server::ServerOptions options{.directory = folder_ / "data", .without_credentials = true};
        options.listen.port = 0;
        auto started = server::Server::start(options, io::posix_environment());
        EXPECT_TRUE(started.ok()) << (started.ok() ? "" : started.error().message);
        server_ = std::move(started).value();
        remote_ = client::connect({.url = "http://127.0.0.1:" + std::to_string(server_->port())}).value();
    }
    ~RemoteTools() override {
        remote_.reset();
        server_.reset();
        fs::remove_all(folder_);
    }

    ToolAnswer run_remote(std::string_view name, const Json& arguments,
                          const std::optional<std::string>& confirmed = std::nullopt) {
        CallContext call{.principal = principal_, .endpoint = *remote_, .progress = {}, .is_cancelled = {}};
        ToolAnswer answer = tool(name).run(arguments, confirmed, call);
        expand_raw_json(answer.structured);
        return answer;
    }

    void expect_same(std::string_view name, std::string_view text) {
        const Json arguments = Json::parse(text);
        const ToolAnswer here = run(name, arguments);
        const ToolAnswer there = run_remote(name, arguments);
        EXPECT_EQ(here.is_error, there.is_error) << name << text;
        EXPECT_EQ(comparable(here.structured), comparable(there.structured)) << name << text;
    }

    fs::path folder_;
    std::unique_ptr<server::Server> server_;
    std::unique_ptr<client::Endpoint> remote_;
};

TEST_F(RemoteTools, AnswerAsThoseOfADirectoryDo) {
    const auto append_both = [this](std::string_view text) {
        const Json arguments = Json::parse(text);
        EXPECT_FALSE(run("append_events", arguments).is_error);
        const ToolAnswer there = run_remote("append_events", arguments);
        EXPECT_FALSE(there.is_error) << there.structured.dump(1);
    };
    append_both(R"({"branch":"main","idempotency_key":"k1","events":[
        {"entity_id":"order:1","event_type":"order.placed","expected_version":"none","occurred_at":"2026-01-10T08:00:00Z",
         "payload":{"status":"placed","total":42.5},"metadata":{"actor":"shop","correlation_id":"c-1"},"tags":["t:1"]},
        {"entity_id":"order:1","event_type":"order.repriced","expected_version":1,"occurred_at":"2026-01-11T08:00:00Z",
         "payload":{"total":40},"metadata":{"actor":"ada","reason":"typing error"}},
        {"entity_id":"order:2","event_type":"order.placed","expected_version":"none","occurred_at":"2026-01-12T08:00:00Z",
         "payload":{"status":"placed","total":7}}]})");
    append_both(R"({"branch":"main","idempotency_key":"k2","events":[
        {"entity_id":"order:1","event_type":"order.shipped","expected_version":2,"occurred_at":"2026-01-16T08:00:00Z",
         "payload":{"status":"shipped"}}]})");
    expect_same("overview", "{}");
    expect_same("advise", R"({"question":"why was order:1 repriced, how many per day?"})");
    expect_same("find_entities", "{}");
    expect_same("find_entities", R"({"text":"ordr:1"})");
    expect_same("find_entities", R"({"event_type":"order.repriced"})");
    expect_same("query_events", "{}");
    expect_same("query_events", R"({"limit":2,"order":"backward"})");
    expect_same("query_events", R"({"after":1,"limit":1})");
    expect_same("query_events", R"({"tag":"t:1","correlation_id":"c-1"})");
    expect_same("query_events", R"({"where":["/total >= 10"],"fields":["total"],"since":"2026-01-01"})");
    expect_same("query_events", R"({"event_type":"order.payed"})");
    expect_same("query_events", R"({"event_type":"order.*"})");
    expect_same("query_events", R"({"ids":["00000000-0000-4000-8000-000000000000"]})");
    expect_same("get_state", R"({"entity_id":"order:1","origins":true})");
    expect_same("get_state", R"({"entity_id":"order:1","as_of":"2026-01-11"})");
    expect_same("get_state", R"({"entity_id":"order:1","as_of":"2026-01-01"})");
    expect_same("get_state", R"({"entity_id":"order:3"})");
    expect_same("get_state", R"({"entity_id":"order:1","fork":"none"})");
    expect_same("get_history", R"({"entity_id":"order:1","as_of":"2026-02-01"})");
    expect_same("get_history",
                R"({"entity_id":"order:1","field":"total","expect_types":["order.paid"],"as_of":"2026-02-01"})");
    expect_same("compare", R"({"from":{"as_of":"2026-01-11"}})");
    expect_same("compare", R"({"from":{"at":0},"to":{"at":2}})");
    expect_same("aggregate", R"({"op":"sum","field":"total","by":"type"})");
    expect_same("aggregate", R"({"op":"duration","from_type":"order.placed","to_type":"order.shipped"})");
    expect_same("aggregate", R"({"op":"count","actor":"ada"})");
}

TEST_F(RemoteTools, AKeyThatTheServerRefusesIsNoMistakeOfAnArgument) {
    server::ServerOptions options{.directory = folder_ / "guarded"};
    options.listen.port = 0;
    const auto guarded = server::Server::start(options, io::posix_environment()).value();
    const std::string url = "http://127.0.0.1:" + std::to_string(guarded->port());
    std::ifstream file(folder_ / "guarded" / "admin.key");
    std::string admin_key;
    file >> admin_key;
    const auto admin = client::HttpClient::open({.url = url, .api_key = admin_key}).value();
    const auto made =
        admin->send({.method = "POST", .target = "/api/v1/keys", .body = R"({"name":"reader","scopes":["read"]})"});
    const Json key = Json::parse(made.value().body)["key"];
    const Json arguments = Json::parse(
        R"({"branch":"main","idempotency_key":"k","events":[{"entity_id":"a","event_type":"t","expected_version":"any"}]})");
    const auto refusal = [&](const std::string& api_key) {
        remote_ = client::connect({.url = url, .api_key = api_key}).value();
        const Json answer = run_remote("append_events", arguments).structured;
        EXPECT_EQ(answer["error"]["code"], "forbidden") << answer.dump(1);
        return answer.value("try", "");
    };
    EXPECT_NE(refusal(key).find("scope"), std::string::npos);
    EXPECT_NE(refusal("chr_nonsense").find("revoked"), std::string::npos);
    EXPECT_EQ(run_remote("overview", {{"limit", 1}}).structured["error"]["code"], "invalid_argument");
}

TEST_F(RemoteTools, MakeFinishAndWaitAsThoseOfADirectoryDo) {
    const Json fork = run_remote("fork_create", {{"name", "try"}, {"ttl_seconds", 600}}).structured;
    EXPECT_TRUE(fork["fork"].get<std::string>().starts_with("fork-"));
    const Json event = {{"entity_id", "o:1"}, {"event_type", "o.placed"}, {"expected_version", "none"}};
    const ToolAnswer appended =
        run_remote("append_events", {{"branch", "try"}, {"idempotency_key", "k"}, {"events", {event}}});
    EXPECT_EQ(appended.structured["branch_changed"], fork["fork"]);
    EXPECT_EQ(run_remote("compare", {{"to", {{"fork", "try"}}}}).structured["entities"], 1);
    const ToolAnswer conflict =
        run_remote("append_events", {{"branch", "try"}, {"idempotency_key", "k2"}, {"events", {event}}});
    EXPECT_EQ(conflict.structured["error"]["code"], "version_conflict");
    EXPECT_EQ(conflict.structured["untrusted"]["conflicts"][0]["current_version"], 1);
    const Json merge = {{"fork", "try"}, {"action", "merge"}};
    const ToolAnswer plan = run_remote("fork_finish", merge);
    ASSERT_TRUE(plan.confirm) << plan.structured.dump(1);
    EXPECT_EQ(run_remote("fork_finish", merge, plan.confirm->binding).structured["branch_changed"], "main");
    const Json found = run_remote("query_events", {{"after", "head"}, {"wait_seconds", 1}}).structured;
    EXPECT_EQ(found["returned"], 0);
    const Json events = run_remote("query_events", Json::object()).structured["untrusted"]["events"];
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(run_remote("query_events", {{"ids", {events[0]["id"]}}}).structured["count"], 1);
}

}  // namespace
}  // namespace chronos::mcp
