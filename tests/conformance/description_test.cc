// /openapi.json against the server's behaviour and against docs/reference/http.md.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "conformance/program_runner.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string upper(std::string text) {
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    return text;
}

void collect_references(const json& value, std::set<std::string>& references) {
    if (value.is_object() && value.contains("$ref")) references.insert(value["$ref"].get<std::string>());
    for (const json& part : value) {
        if (part.is_structured()) collect_references(part, references);
    }
}

class Description : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(server_.is_running());
        description_ = json::parse(server_.ask({.target = "/openapi.json"}).body, nullptr, false);
        ASSERT_TRUE(description_.is_object());
    }

    /// Calls `look` with "GET /path" and its operation.
    template <typename Look>
    void for_each_operation(const Look& look) {
        for (const auto& [path, operations] : description_["paths"].items()) {
            for (const auto& [method, operation] : operations.items()) look(upper(method) + " " + path, operation);
        }
    }

    HttpAnswer ask_with(const std::string& route, const std::string& query) {
        HttpRequest request{.method = route.substr(0, route.find(' ')), .target = route.substr(route.find(' ') + 1)};
        if (const std::size_t open = request.target.find('{'); open != std::string::npos)
            request.target.replace(open, request.target.find('}') - open + 1, "nobody");
        // Beyond the head, so that the answer comes to an end.
        const bool is_endless = request.target.ends_with("/sse");
        request.target += "?" + query + (is_endless && !query.starts_with("after=") ? "&after=1000000" : "");
        if (request.method == "POST") request.body = "{}";
        return server_.ask(request);
    }

    ServerProcess server_;
    json description_;
};

TEST_F(Description, SaysOfEachRouteWhatItTakesAndAnswers) {
    std::set<std::string> operation_ids;
    for_each_operation([&](const std::string& route, const json& operation) {
        EXPECT_TRUE(operation_ids.insert(operation["operationId"].get<std::string>()).second) << route;
        EXPECT_NE(operation["summary"], "") << route;
        bool has_success = false;
        for (const auto& [status, answer] : operation["responses"].items()) has_success |= status.starts_with('2');
        EXPECT_TRUE(has_success) << route << " says of no answer that it is good";
        const bool has_scope = operation.contains("x-chronos-scope");
        EXPECT_EQ(operation["responses"].contains("401"), has_scope) << route;
        for (const json& parameter : operation.value("parameters", json::array())) {
            if (parameter["in"] == "path") continue;
            EXPECT_NE(parameter.value("description", ""), "")
                << route << ": say what " << parameter["name"] << " means";
        }
    });
    std::set<std::string> references;
    collect_references(description_, references);
    for (const std::string& reference : references)
        EXPECT_TRUE(description_.contains(json::json_pointer(reference.substr(1)))) << reference;
}

TEST_F(Description, EveryParameterItNamesIsTakenAndNoOther) {
    for_each_operation([&](const std::string& route, const json& operation) {
        if (!operation.contains("x-chronos-scope")) return;
        EXPECT_EQ(ask_with(route, "no_such=1").status, 400) << route;
        for (const json& parameter : operation.value("parameters", json::array())) {
            if (parameter["in"] != "query") continue;
            const std::string name = parameter["name"];
            // A position that is not there would be waited for.
            const std::string query = name + (name == "min_position" ? "=x" : "=1");
            const HttpAnswer answer = ask_with(route, query);
            EXPECT_EQ(answer.body.find("there is no parameter"), std::string::npos)
                << route << " " << name << answer.body;
            const bool is_documented = operation["responses"].contains(std::to_string(answer.status));
            EXPECT_TRUE(is_documented) << route << "?" << query << ": " << answer.status;
        }
    });
}

TEST_F(Description, TheReferencePageHasEveryRouteAndNoOther) {
    const std::string page = text_of(CHRONOS_SOURCE_DIR "/docs/reference/http.md");
    std::set<std::string> routes;
    for_each_operation([&](const std::string& route, const json&) { routes.insert(route); });
    for (const std::string& route : routes)
        EXPECT_NE(page.find("`" + route + "`"), std::string::npos) << "docs/reference/http.md does not have " << route;
    static const std::regex named("`((GET|POST|PUT|DELETE|PATCH) /[^` ?]*)[^`]*`");
    for (auto it = std::sregex_iterator(page.begin(), page.end(), named); it != std::sregex_iterator(); ++it)
        EXPECT_TRUE(routes.contains((*it)[1])) << "the server has no " << (*it)[1];
}

TEST_F(Description, TheReferencePageHasEveryTypeOfProblem) {
    const std::string page = text_of(CHRONOS_SOURCE_DIR "/docs/reference/http.md");
    std::set<std::string> types;
    static const std::regex made("problem\\(\\s*\\d+,\\s*\"([a-z-]+)\"");
    static const std::regex of_heads("refuse\\(\\d+, \"([a-z-]+)\"");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(CHRONOS_SOURCE_DIR "/src/server")) {
        if (entry.path().extension() != ".cc") continue;
        const std::string source = text_of(entry.path());
        for (const std::regex* pattern : {&made, &of_heads}) {
            for (auto it = std::sregex_iterator(source.begin(), source.end(), *pattern); it != std::sregex_iterator();
                 ++it)
                types.insert((*it)[1]);
        }
    }
    EXPECT_GT(types.size(), 10U);
    // Those that are made of errors of the library.
    types.insert({"invalid-argument", "not-found", "gone", "version-conflict", "already-exists", "id-conflict",
                  "partial-duplicate", "cursor-mismatch", "limit-exceeded", "indeterminate", "outcome-unknown",
                  "no-space", "would-block", "read-only", "closed", "clock-suspect", "unsupported", "io", "corrupt"});
    for (const std::string& type : types)
        EXPECT_NE(page.find("`" + type + "`"), std::string::npos) << "docs/reference/http.md does not have " << type;
}

TEST_F(Description, ThePageForPeopleRunsAndFetchesNothing) {
    const HttpAnswer page = server_.ask({.target = "/docs"});
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.header("content-security-policy").find("default-src 'none'"), 0U);
    for (const char* forbidden : {"<script", "http://", "https://", "src=", "@import", "url("})
        EXPECT_EQ(page.body.find(forbidden), std::string::npos) << forbidden;
}

}  // namespace
}  // namespace chronos::conformance
