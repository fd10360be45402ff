#include "mcp/subscriptions.h"

#include <gtest/gtest.h>

namespace chronos::mcp {
namespace {

class SubscriptionsTest : public testing::Test {
protected:
    std::uint64_t listen(SubscriptionFilter filter) {
        return subscriptions_.add({.filter = std::move(filter),
                                   .send =
                                       [this](std::string_view method, const Json& params) {
                                           heard_.push_back(std::string(method) + " " + params.value("uri", ""));
                                       },
                                   .content =
                                       [this](std::string_view uri) {
                                           ++reads_;
                                           return contents_[std::string(uri)];
                                       },
                                   .head = [this] { return std::to_string(head_); }});
    }

    Subscriptions subscriptions_;
    std::map<std::string, std::string> contents_;
    int head_ = 0;
    int reads_ = 0;
    std::vector<std::string> heard_;
};

TEST_F(SubscriptionsTest, TellsOfAResourceWhoseContentChanged) {
    listen({.uris = {"a", "b"}});
    subscriptions_.look();
    contents_["a"] = "new";
    ++head_;
    subscriptions_.look();
    EXPECT_EQ(heard_, std::vector<std::string>{"notifications/resources/updated a"});
}

TEST_F(SubscriptionsTest, ReadsNothingWhileNothingIsAppended) {
    listen({.uris = {"a"}});
    const int reads = reads_;
    for (int i = 0; i < 5; ++i) subscriptions_.look();
    EXPECT_EQ(reads_, reads);
}

TEST_F(SubscriptionsTest, TellsOnlyWhatWasAskedFor) {
    const std::uint64_t number = listen({.tools = true, .resources = true});
    subscriptions_.tools_changed();
    subscriptions_.prompts_changed();
    subscriptions_.resource_updated("a");
    contents_[""] = "another list";
    ++head_;
    subscriptions_.look();
    EXPECT_EQ(heard_,
              (std::vector<std::string>{"notifications/tools/list_changed ", "notifications/resources/list_changed "}));
    subscriptions_.remove(number);
    subscriptions_.tools_changed();
    EXPECT_EQ(heard_.size(), 2U);
}

TEST_F(SubscriptionsTest, WhatIsAskedForAgainIsNewAgain) {
    const std::uint64_t number = listen({.uris = {"a"}});
    subscriptions_.set_filter(number, {});
    subscriptions_.set_filter(number, {.uris = {"b"}});
    contents_["a"] = "new";
    subscriptions_.set_filter(number, {.uris = {"a"}});
    EXPECT_TRUE(heard_.empty());
    contents_["a"] = "newer";
    ++head_;
    subscriptions_.look();
    EXPECT_EQ(heard_.size(), 1U);
}

TEST_F(SubscriptionsTest, ReadsOnlyWhatIsNewWhenMoreIsAskedFor) {
    const std::uint64_t number = listen({.uris = {"a", "b"}});
    subscriptions_.set_filter(number, {.uris = {"a", "b", "c"}});
    EXPECT_EQ(reads_, 3);
}

TEST_F(SubscriptionsTest, ReadsNothingOnceItIsStopped) {
    listen({.uris = {"a"}});
    const int reads = reads_;
    subscriptions_.stop();
    ++head_;
    subscriptions_.look();
    listen({.uris = {"b"}});
    EXPECT_EQ(reads_, reads);
    EXPECT_TRUE(heard_.empty());
}

TEST_F(SubscriptionsTest, HasAsManyListenersAsMayBe) {
    for (std::size_t i = 0; i < Subscriptions::kListenersMax; ++i) EXPECT_NE(listen({}), 0U);
    EXPECT_EQ(listen({}), 0U);
}

TEST(SubscriptionFilter, IsReadFromWhatTheClientSent) {
    const auto filter = SubscriptionFilter::parse(
        {{"toolsListChanged", true}, {"resourceSubscriptions", {"a", "b", "a"}}, {"of another time", 1}});
    ASSERT_TRUE(filter.ok());
    EXPECT_EQ(filter->json(), Json({{"toolsListChanged", true}, {"resourceSubscriptions", {"a", "b"}}}));
    EXPECT_FALSE(SubscriptionFilter::parse(7).ok());
    EXPECT_FALSE(SubscriptionFilter::parse({{"toolsListChanged", 1}}).ok());
    EXPECT_FALSE(SubscriptionFilter::parse({{"resourceSubscriptions", Json::array({7})}}).ok());
    EXPECT_FALSE(SubscriptionFilter::parse(
                     {{"resourceSubscriptions", Json::array({std::string(Subscriptions::kUriBytesMax + 1, 'u')})}})
                     .ok());
    std::vector<std::string> uris;
    for (std::size_t i = 0; i <= Subscriptions::kUrisMax; ++i) uris.push_back(std::to_string(i));
    EXPECT_FALSE(SubscriptionFilter::parse({{"resourceSubscriptions", uris}}).ok());
    uris.pop_back();
    uris.push_back(uris.front());
    EXPECT_TRUE(SubscriptionFilter::parse({{"resourceSubscriptions", uris}}).ok());
}

}  // namespace
}  // namespace chronos::mcp
