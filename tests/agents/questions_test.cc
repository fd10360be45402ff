// Questions as agents get them, over a history of orders and incidents: with at most two calls and within a budget, the
// answers hold the facts. The questions and facts: make_questions.py.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "chronos/store.h"
#include "client/endpoint.h"
#include "mcp/json_rpc.h"
#include "mcp/tool.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kCallsMax = 2;
/// Of all calls for one question.
constexpr std::size_t kTokensMax = 2'500;
constexpr std::size_t kTokenBytes = 4;

const std::string kFolder = std::string(CHRONOS_SOURCE_DIR) + "/tests/agents/";

/// Whether `value` has everything that `wanted` has: members of objects, elements of arrays in the same order.
bool holds(const Json& value, const Json& wanted) {
    if (wanted.is_object()) {
        if (!value.is_object()) return false;
        return std::all_of(wanted.items().begin(), wanted.items().end(), [&value](const auto& member) {
            return value.contains(member.key()) && holds(value[member.key()], member.value());
        });
    }
    if (!wanted.is_array() || !value.is_array()) return value == wanted;
    if (value.size() != wanted.size()) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!holds(value[i], wanted[i])) return false;
    }
    return true;
}

class Questions : public testing::TestWithParam<std::string> {
protected:
    Questions() : endpoint_(client::endpoint_of(Store::open({.in_memory = true}).value(), "memory")) {
        std::ifstream lines(kFolder + "history.ndjson");
        for (std::string line; std::getline(lines, line);) {
            const Result<AppendResult> appended = endpoint_->local()->append_json(line);
            EXPECT_TRUE(appended.ok()) << line;
        }
        principal_.name = "agent";
        principal_.scopes.add(access::Scope::kRead);
    }

    ToolAnswer run(const Json& call) {
        CallContext context{.principal = principal_, .endpoint = *endpoint_, .progress = {}, .is_cancelled = {}};
        for (const Tool& tool : catalog_.tools) {
            if (tool.name != call["tool"]) continue;
            ToolAnswer answer = tool.run(call["arguments"], std::nullopt, context);
            expand_raw_json(answer.structured);
            return answer;
        }
        ADD_FAILURE() << "no tool " << call["tool"];
        return {};
    }

    static void check(const Json& fact, const Json& answer) {
        if (fact.contains("at")) {
            const Json::json_pointer at(fact["at"].get<std::string>());
            ASSERT_TRUE(answer.contains(at)) << fact << "\n" << answer.dump(1);
            EXPECT_EQ(answer[at], fact["is"]) << fact << "\n" << answer.dump(1);
            return;
        }
        const Json::json_pointer within(fact["in"].get<std::string>());
        ASSERT_TRUE(answer.contains(within)) << fact << "\n" << answer.dump(1);
        const Json& rows = answer[within];
        const bool is_there =
            std::any_of(rows.begin(), rows.end(), [&fact](const Json& row) { return holds(row, fact["has"]); });
        EXPECT_TRUE(is_there) << fact << "\n" << answer.dump(1);
    }

    Catalog catalog_ = store_catalog();
    std::unique_ptr<client::Endpoint> endpoint_;
    access::Principal principal_;
};

TEST_P(Questions, AreAnsweredWithinTwoCallsAndABudget) {
    std::ifstream file(kFolder + GetParam() + ".json");
    const Json questions = Json::parse(file);
    ASSERT_GE(questions.size(), 12U);
    std::size_t bytes_in_all = 0;
    for (const Json& question : questions) {
        SCOPED_TRACE(question["id"].get<std::string>() + " " + question["question"].get<std::string>());
        EXPECT_LE(question["calls"].size(), kCallsMax);
        std::vector<Json> answers;
        std::size_t bytes = 0;
        for (const Json& call : question["calls"]) {
            ToolAnswer answer = run(call);
            EXPECT_FALSE(answer.is_error) << answer.structured.dump(1);
            bytes += answer.structured.dump().size();
            answers.push_back(std::move(answer.structured));
        }
        EXPECT_LE(bytes, kTokensMax * kTokenBytes);
        bytes_in_all += bytes;
        EXPECT_FALSE(question["facts"].empty());
        for (const Json& fact : question["facts"]) check(fact, answers.at(fact["call"].get<std::size_t>()));
    }
    std::printf("%s: %zu questions, %zu tokens each\n", GetParam().c_str(), questions.size(),
                bytes_in_all / questions.size() / kTokenBytes);
}

INSTANTIATE_TEST_SUITE_P(Tiers, Questions, testing::Values("current", "previous", "why", "when", "premise"),
                         [](const auto& tier) { return tier.param; });

}  // namespace
}  // namespace chronos::mcp
