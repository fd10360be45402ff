#include "mcp/dispatcher.h"

#include <gtest/gtest.h>

#include "mcp/mcp_fixture.h"

namespace chronos::mcp {
namespace {

class DispatcherTest : public testing::Test {
protected:
    DispatcherTest() : dispatcher_({.version = "1"}, world_.environment()) {
        dispatcher_.offers() = offers_of(test_catalog(drops_), dispatcher_.seal());
    }

    static Json expanded(Json message) {
        expand_raw_json(message);
        return message;
    }
    Json answer(const Message& message, const access::Principal& who = principal()) {
        auto client = dispatcher_.modern_client(message, who);
        if (const auto* error = std::get_if<RpcError>(&client)) return error_message(message.id, *error);
        Exchange exchange(message, std::get<Client>(client),
                          {.send = [this](const Json& sent) { sent_.push_back(sent); },
                           .ask = {},
                           .is_cancelled = {},
                           .endpoint = [this] { return store_.endpoint(); },
                           .pause = {}});
        return expanded(dispatcher_.answer(exchange));
    }
    Json call(const Json& params, const Json& capabilities = Json::object(),
              const access::Principal& who = principal()) {
        return answer(modern_request("tools/call", params, capabilities), who);
    }
    /// What a legacy client that answers every question with `response` gets.
    Json legacy_call(const Json& params, const Json& capabilities, const Json& response) {
        const Message initialize{.method = "initialize",
                                 .params = {{"protocolVersion", "2025-06-18"}, {"capabilities", capabilities}}};
        Exchange exchange({.kind = Message::Kind::kRequest, .id = 1, .method = "tools/call", .params = params},
                          Dispatcher::legacy_client(initialize, principal()),
                          {.send = [this](const Json& sent) { sent_.push_back(sent); },
                           .ask = [this, response](std::string_view method, const Json& asked) -> Result<Json> {
                               sent_.push_back(request_message("q", method, asked));
                               return response;
                           },
                           .is_cancelled = {},
                           .endpoint = [this] { return store_.endpoint(); },
                           .pause = {}});
        return expanded(dispatcher_.answer(exchange));
    }

    /// What an answer that is marked as an error says.
    static Json error_in(const Json& result) { return Json::parse(result["content"][0]["text"].get<std::string>()); }

    TestWorld world_;
    TestStore store_;
    int drops_ = 0;
    Dispatcher dispatcher_;
    std::vector<Json> sent_;
};

TEST(LegacyClient, IsRememberedWithinBounds) {
    const auto kept = [](std::size_t size) {
        const Json capabilities = {{"roots", {{"x", std::string(size, 'x')}}}};
        return Dispatcher::legacy_client({.method = "initialize", .params = {{"capabilities", capabilities}}},
                                         principal())
            .capabilities;
    };
    EXPECT_EQ(kept(10).size(), 1U);
    EXPECT_EQ(kept(20'000), Json::object());
}

TEST_F(DispatcherTest, NoNumberIsWrittenThatIsAnotherThanWasSent) {
    const auto call_of = [](const char* tool) {
        Message message = modern_request("tools/call", {{"name", tool}});
        message.has_inexact_number = true;
        return message;
    };
    EXPECT_EQ(answer(call_of("write"), principal(access::Scope::kAdmin))["error"]["code"], kInvalidParams);
    EXPECT_TRUE(answer(call_of("echo")).contains("result"));
}

const Json kForms = {{"elicitation", Json::object()}};

TEST_F(DispatcherTest, SaysWhatItSpeaksAndWhoItIs) {
    const Json result = answer(modern_request("server/discover"))["result"];
    EXPECT_EQ(result["supportedVersions"], Json({"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"}));
    EXPECT_EQ(result["resultType"], "complete");
    EXPECT_EQ(result["instructions"], "for tests");
    EXPECT_EQ(result["_meta"][std::string(kMetaServerInfo)]["name"], "chronos");
    EXPECT_TRUE(result["capabilities"].contains("tools"));
    EXPECT_EQ(result["cacheScope"], "public");
}

TEST_F(DispatcherTest, RefusesRequestsWithoutWhatEachMustCarry) {
    Message message = modern_request("tools/list");
    message.params["_meta"].erase(std::string(kMetaCapabilities));
    EXPECT_EQ(answer(message)["error"]["code"], kInvalidParams);
    EXPECT_EQ(answer({.kind = Message::Kind::kRequest, .id = 1, .method = "tools/list"})["error"]["code"],
              kInvalidParams);
    message = modern_request("tools/list");
    message.params["_meta"][std::string(kMetaVersion)] = "1900-01-01";
    const Json error = answer(message)["error"];
    EXPECT_EQ(error["code"], kUnsupportedVersion);
    EXPECT_EQ(error["data"]["requested"], "1900-01-01");
    EXPECT_EQ(error["data"]["supported"], Dispatcher::supported_versions());
}

TEST_F(DispatcherTest, EachEraHasItsOwnMethods) {
    EXPECT_EQ(answer(modern_request("ping"))["error"]["code"], kMethodNotFound);
    EXPECT_EQ(answer(modern_request("initialize"))["error"]["code"], kMethodNotFound);
    EXPECT_TRUE(dispatcher_.is_known("ping", Era::kLegacy));
    EXPECT_FALSE(dispatcher_.is_known("server/discover", Era::kLegacy));
}

TEST_F(DispatcherTest, ListsToolsThatTheCallerMayUse) {
    const auto names = [this](access::Scope scope) {
        std::string all;
        const Json listed = answer(modern_request("tools/list"), principal(scope));
        for (const Json& tool : listed["result"]["tools"]) all += tool["name"].get<std::string>() + " ";
        return all;
    };
    EXPECT_EQ(names(access::Scope::kRead), "echo drop ");
    EXPECT_EQ(names(access::Scope::kWriteForks), "echo drop ");
    EXPECT_EQ(names(access::Scope::kWrite), "echo write drop ");
}

TEST_F(DispatcherTest, RefusesToCallWhatTheCallerMayNot) {
    const Json error = call({{"name", "write"}})["error"];
    EXPECT_EQ(error["code"], kScopeMissing);
    EXPECT_EQ(error["data"]["requiredScope"], "write");
    EXPECT_TRUE(call({{"name", "write"}}, Json::object(), principal(access::Scope::kAdmin)).contains("result"));
}

TEST_F(DispatcherTest, TellsWhatTookTheRightToWrite) {
    std::vector<std::string> calls;
    dispatcher_.set_observer([&calls](const CallRecord& call) {
        calls.push_back(std::string(call.tool) + " " + std::string(access::scope_name(call.scope)) + " " +
                        std::string(call.outcome));
    });
    call({{"name", "echo"}});
    call({{"name", "write"}});
    call({{"name", "write"}}, Json::object(), principal(access::Scope::kAdmin));
    EXPECT_EQ(calls, (std::vector<std::string>{"echo read ok", "write write refused", "write write ok"}));
}

TEST_F(DispatcherTest, AnswersACallAsTextAndAsStructure) {
    const Json result = call({{"name", "echo"}, {"arguments", {{"text", "hi"}}}})["result"];
    EXPECT_EQ(result["structuredContent"], Json({{"text", "hi"}}));
    EXPECT_EQ(result["content"][0]["text"], R"({"text":"hi"})");
    EXPECT_FALSE(result.contains("isError"));
}

TEST_F(DispatcherTest, WrongArgumentsAreTheToolsErrorAndAnUnknownToolTheCallers) {
    const Json result = call({{"name", "echo"}, {"arguments", {{"txt", "hi"}}}})["result"];
    EXPECT_EQ(result["isError"], true);
    // Clients hold what is structured to the output schema.
    EXPECT_FALSE(result.contains("structuredContent"));
    const Json mistake = error_in(result);
    EXPECT_EQ(mistake["error"]["code"], "invalid_argument");
    EXPECT_EQ(mistake["error"]["message"], R"(there is no argument "txt"; did you mean "text"?)");
    EXPECT_FALSE(mistake["try"].get<std::string>().empty());
    const Json error = call({{"name", "ecko"}})["error"];
    EXPECT_EQ(error["code"], kInvalidParams);
    EXPECT_EQ(error["message"], R"(there is no tool "ecko"; did you mean "echo"?)");
    EXPECT_EQ(call({{"name", "echo"}, {"arguments", 7}})["error"]["code"], kInvalidParams);
    EXPECT_EQ(call(Json::object())["error"]["code"], kInvalidParams);
}

TEST_F(DispatcherTest, NamesOfOldAreTakenAndNotListed) {
    const Json result = call({{"name", "say"}, {"arguments", {{"words", "hi"}}}})["result"];
    EXPECT_EQ(result["structuredContent"], Json({{"text", "hi"}}));
}

TEST_F(DispatcherTest, ReportsProgressToWhoAskedForIt) {
    call({{"name", "echo"}});
    EXPECT_TRUE(sent_.empty());
    call({{"name", "echo"}, {"_meta", {{"progressToken", "t"}}}});
    ASSERT_EQ(sent_.size(), 1U);
    EXPECT_EQ(sent_[0]["method"], "notifications/progress");
    EXPECT_EQ(sent_[0]["params"], Json({{"progressToken", "t"}, {"progress", 1}, {"total", 2}, {"message", "half"}}));
}

TEST_F(DispatcherTest, AskedForConfirmationByAFormItIsDoneOnce) {
    const Json question = call({{"name", "drop"}}, kForms)["result"];
    ASSERT_EQ(question["resultType"], "input_required");
    EXPECT_EQ(question["inputRequests"]["confirm"]["method"], "elicitation/create");
    EXPECT_FALSE(question.contains("ttlMs"));
    const Json retry = {{"name", "drop"},
                        {"requestState", question["requestState"]},
                        {"inputResponses", {{"confirm", {{"action", "accept"}, {"content", {{"confirm", true}}}}}}}};
    EXPECT_EQ(call(retry, kForms)["result"]["content"][0]["text"], "dropped");
    EXPECT_EQ(drops_, 1);
    EXPECT_EQ(call(retry, kForms)["error"]["code"], kInvalidParams);
    EXPECT_EQ(drops_, 1);
}

TEST_F(DispatcherTest, WhatIsNotConfirmedIsNotDone) {
    for (const Json& response :
         {Json{{"action", "decline"}}, Json{{"action", "accept"}, {"content", {{"confirm", false}}}},
          Json{{"action", "accept"}}}) {
        const Json question = call({{"name", "drop"}}, kForms)["result"];
        const Json result = call(
            {{"name", "drop"}, {"requestState", question["requestState"]}, {"inputResponses", {{"confirm", response}}}},
            kForms)["result"];
        EXPECT_EQ(result["isError"], true) << response;
    }
    EXPECT_EQ(drops_, 0);
}

TEST_F(DispatcherTest, ConfirmationWithoutStateConfirmsNothing) {
    const Json result = call(
        {{"name", "drop"}, {"inputResponses", {{"confirm", {{"action", "accept"}, {"content", {{"confirm", true}}}}}}}},
        kForms)["result"];
    EXPECT_EQ(result["resultType"], "input_required");
    EXPECT_EQ(drops_, 0);
}

TEST_F(DispatcherTest, StateIsGoodForItsCallerItsRequestAndAWhile) {
    const auto state = [this] { return call({{"name", "drop"}}, kForms)["result"]["requestState"]; };
    const auto retry = [this](const Json& given, const std::string& tool, const access::Principal& who) {
        return call({{"name", tool}, {"requestState", given}}, kForms, who);
    };
    EXPECT_EQ(retry(state(), "drop", principal(access::Scope::kRead, "other"))["error"]["code"], kInvalidParams);
    EXPECT_EQ(retry(state(), "echo", principal())["error"]["code"], kInvalidParams);
    EXPECT_EQ(retry(state().get<std::string>() + "x", "drop", principal())["error"]["code"], kInvalidParams);
    EXPECT_EQ(retry(7, "drop", principal())["error"]["code"], kInvalidParams);
    const Json old = state();
    world_.clock.now_ns += (Seal::kLifetimeSeconds + 1) * 1'000'000'000;
    EXPECT_EQ(retry(old, "drop", principal())["error"]["code"], kInvalidParams);
}

TEST_F(DispatcherTest, WhoCannotBeAskedGetsAPlanAndATokenForIt) {
    const Json answer = call({{"name", "drop"}})["result"];
    EXPECT_EQ(answer["isError"], true);
    EXPECT_FALSE(answer.contains("structuredContent"));
    const Json plan = error_in(answer);
    EXPECT_EQ(plan["plan"], Json({{"drops", 1}}));
    EXPECT_NE(plan["message"].get<std::string>().find("Not done yet"), std::string::npos);
    const Json confirmed = {{"name", "drop"}, {"arguments", {{"plan_token", plan["plan_token"]}}}};
    EXPECT_EQ(call(confirmed)["result"]["content"][0]["text"], "dropped");
    EXPECT_EQ(call(confirmed)["result"]["isError"], true);
    EXPECT_EQ(drops_, 1);
}

TEST_F(DispatcherTest, APlanThatHoldsNoMoreIsMadeAnew) {
    const Json plan = error_in(call({{"name", "drop"}})["result"]);
    drops_ = 7;
    const Json again =
        error_in(call({{"name", "drop"}, {"arguments", {{"plan_token", plan["plan_token"]}}}})["result"]);
    EXPECT_EQ(again["confirmation_required"], true);
    EXPECT_EQ(drops_, 7);
}

TEST_F(DispatcherTest, ALegacyClientIsAskedWhileItWaits) {
    const Json agreed = {{"action", "accept"}, {"content", {{"confirm", true}}}};
    EXPECT_EQ(legacy_call({{"name", "drop"}}, kForms, agreed)["result"]["content"][0]["text"], "dropped");
    ASSERT_EQ(sent_.size(), 1U);
    EXPECT_EQ(sent_[0]["method"], "elicitation/create");
    // Forms have a mode only from 2025-11-25 on.
    EXPECT_FALSE(sent_[0]["params"].contains("mode"));
    EXPECT_EQ(legacy_call({{"name", "drop"}}, Json::object(), agreed)["result"]["isError"], true);
    EXPECT_EQ(drops_, 1);
}

TEST_F(DispatcherTest, OnlyWhatCanBeAResourceIsWatched) {
    dispatcher_.offers().templates.push_back({{"uriTemplate", "test://{id}"}});
    EXPECT_FALSE(dispatcher_.refuse_to_watch({"test://1", "test://not-there-yet"}));
    EXPECT_TRUE(dispatcher_.refuse_to_watch({"test://1", "http://x"}));
    EXPECT_TRUE(dispatcher_.refuse_to_watch({""}));
    EXPECT_TRUE(dispatcher_.refuse_to_watch({"test"}));
}

TEST_F(DispatcherTest, ListsComeInPages) {
    const Json first = answer(modern_request("resources/list"))["result"];
    EXPECT_EQ(first["resources"].size(), 100U);
    const Json second = answer(modern_request("resources/list", {{"cursor", first["nextCursor"]}}))["result"];
    EXPECT_EQ(second["resources"].size(), 50U);
    EXPECT_FALSE(second.contains("nextCursor"));
    EXPECT_EQ(second["cacheScope"], first["cacheScope"]);
    EXPECT_EQ(answer(modern_request("resources/list", {{"cursor", "x"}}))["error"]["code"], kInvalidParams);
    EXPECT_EQ(answer(modern_request("tools/list", {{"cursor", first["nextCursor"]}}))["error"]["code"], kInvalidParams);
}

TEST_F(DispatcherTest, ReadsResourcesAndSaysHowLongTheyKeep) {
    const Json result = answer(modern_request("resources/read", {{"uri", "test://0"}}))["result"];
    EXPECT_EQ(result["contents"][0]["text"], "zero");
    EXPECT_EQ(result["ttlMs"], 3'600'000);
    EXPECT_EQ(result["cacheScope"], "private");
    const Json error = answer(modern_request("resources/read", {{"uri", "test://no"}}))["error"];
    EXPECT_EQ(error["code"], kInvalidParams);
    EXPECT_EQ(error["data"]["uri"], "test://no");
}

TEST_F(DispatcherTest, PromptsTakeTheirArguments) {
    const Json result =
        answer(modern_request("prompts/get", {{"name", "greet"}, {"arguments", {{"who", "Al"}}}}))["result"];
    EXPECT_EQ(result["messages"][0]["content"]["text"], "Hello Al");
    EXPECT_EQ(answer(modern_request("prompts/get", {{"name", "greet"}}))["error"]["code"], kInvalidParams);
    EXPECT_EQ(answer(modern_request("prompts/get", {{"name", "no"}}))["error"]["code"], kInvalidParams);
    EXPECT_EQ(answer(modern_request("prompts/get", {{"name", "greet"}, {"arguments", {{"who", 7}}}}))["error"]["code"],
              kInvalidParams);
}

TEST_F(DispatcherTest, InitializeAgreesOnTheClientsRevisionOrTheNewest) {
    const auto agreed = [](std::string_view asked) {
        return Dispatcher::legacy_client({.method = "initialize", .params = {{"protocolVersion", asked}}}, principal())
            .version;
    };
    EXPECT_EQ(agreed("2025-03-26"), "2025-03-26");
    EXPECT_EQ(agreed("2024-11-05"), "2025-11-25");
    EXPECT_EQ(agreed("2026-07-28"), "2025-11-25");
}

}  // namespace
}  // namespace chronos::mcp
