#include "server/live/consumer_registry.h"

#include <gtest/gtest.h>

#include <atomic>

#include "io/sim/sim_environment.h"

namespace chronos::server {
namespace {

class ConsumerRegistryTest : public testing::Test {
protected:
    void SetUp() override { open(); }
    void open() { registry_ = ConsumerRegistry::open(system_, sim_.environment()).value(); }
    void reopen() {
        ASSERT_TRUE(registry_->close().ok());
        open();
    }
    Result<ConsumerRegistry::Made> create(const std::string& name, const std::string& filters = "{}") {
        ConsumerInfo consumer{.tenant = "default", .name = name, .filters = filters};
        consumer.source = parse_consumer_source("main", filters, {"x.*"}, {}).value();
        return registry_->create(std::move(consumer));
    }
    Result<ConsumerRegistry::LeaseAnswer> set_filters(const std::string& name, const std::string& filters,
                                                      const std::string& owner) {
        ConsumerInfo wanted{.tenant = "default", .name = name, .filters = filters};
        wanted.source = parse_consumer_source("main", filters, {"x.*"}, {}).value();
        return registry_->set_filters(wanted, owner);
    }
    [[nodiscard]] std::size_t event_count() const {
        Page page;
        EXPECT_TRUE(system_.view()->read({.limit = 10'000}, page).ok());
        return page.events().size();
    }

    io::SimEnvironment sim_{1};
    Store system_ = Store::open({.directory = "unused", .in_memory = true}).value();
    std::unique_ptr<ConsumerRegistry> registry_;
};

TEST_F(ConsumerRegistryTest, KnowsAfterOpeningWhatItKnewBefore) {
    ASSERT_TRUE(create("c", R"({"event_type":"t"})")->is_new);
    ASSERT_TRUE(create("gone").ok());
    ASSERT_TRUE(registry_->remove("default", "gone").ok());
    ASSERT_TRUE(registry_->acknowledge("default", "c", Position{7}, false).ok());
    reopen();
    const auto list = registry_->list("default");
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].position, Position{7});
    EXPECT_EQ(list[0].durable_position, Position{7});
    EXPECT_EQ(list[0].filters, R"({"event_type":"t"})");
    EXPECT_EQ(list[0].source.filter.event_types, std::vector<std::string>{"t"});
    EXPECT_TRUE(list[0].source.patterns.matches("x.y"));
    EXPECT_TRUE(registry_->list("other").empty());
    EXPECT_FALSE(registry_->find("other", "c").ok());
}

TEST_F(ConsumerRegistryTest, OpensWithAConsumerOfEverything) {
    ASSERT_TRUE(registry_->create({.tenant = "default", .name = "all"}).ok());
    reopen();
    EXPECT_TRUE(registry_->find("default", "all")->source.patterns.texts().empty());
}

TEST_F(ConsumerRegistryTest, WritesManyAcknowledgementsAsFew) {
    ASSERT_TRUE(create("c").ok());
    for (std::uint64_t i = 0; i < 5'000; ++i)
        ASSERT_TRUE(registry_->acknowledge("default", "c", Position{i}, false).ok());
    ASSERT_TRUE(registry_->close().ok());
    // Made, then one at once, one for each second that this took, and one at the end.
    EXPECT_LT(event_count(), 100U);
    open();
    EXPECT_EQ(registry_->find("default", "c")->position, Position{4'999});
}

TEST_F(ConsumerRegistryTest, AcknowledgementIsOnDiskWhenThatWasAskedFor) {
    ASSERT_TRUE(create("c").ok());
    EXPECT_EQ(registry_->acknowledge("default", "c", Position{3}, true)->durable_position, Position{3});
    EXPECT_EQ(registry_->acknowledge("default", "c", Position{1}, true)->position, Position{3});
    EXPECT_EQ(registry_->reset("default", "c", std::nullopt, std::nullopt)->info.position, std::nullopt);
    ASSERT_TRUE(registry_->take_lease("default", "c", "a", 60)->is_granted);
    EXPECT_FALSE(registry_->reset("default", "c", Position{3}, "b")->is_granted);
    EXPECT_EQ(registry_->find("default", "c")->position, std::nullopt);
    EXPECT_TRUE(registry_->reset("default", "c", std::nullopt, "a")->is_granted);
    ASSERT_TRUE(registry_->take_lease("default", "c", "a", 0)->is_granted);
    reopen();
    EXPECT_EQ(registry_->find("default", "c")->position, std::nullopt);
}

TEST_F(ConsumerRegistryTest, LeaseIsOneOwnersUntilItRunsOut) {
    ASSERT_TRUE(create("c").ok());
    EXPECT_TRUE(registry_->take_lease("default", "c", "ada", 30)->is_granted);
    EXPECT_TRUE(registry_->take_lease("default", "c", "ada", 30)->is_granted);
    const auto refused = registry_->take_lease("default", "c", "bob", 30);
    EXPECT_FALSE(refused->is_granted);
    EXPECT_EQ(refused->info.lease->owner, "ada");
    sim_.clock.advance(31'000'000'000);
    EXPECT_EQ(registry_->find("default", "c")->lease, std::nullopt);
    EXPECT_TRUE(registry_->take_lease("default", "c", "bob", 30)->is_granted);
    EXPECT_TRUE(registry_->take_lease("default", "c", "bob", 0)->is_granted);
    EXPECT_TRUE(registry_->take_lease("default", "c", "ada", 30)->is_granted);
}

TEST_F(ConsumerRegistryTest, PassesOverOnlyFromWhereItStands) {
    ASSERT_TRUE(create("c").ok());
    const ConsumerInfo before = registry_->find("default", "c").value();
    registry_->pass_over(before, Position{4});
    EXPECT_EQ(registry_->find("default", "c")->position, Position{4});
    registry_->pass_over(before, Position{9});
    EXPECT_EQ(registry_->find("default", "c")->position, Position{4}) << "somebody moved it meanwhile";
    const ConsumerInfo now = registry_->find("default", "c").value();
    registry_->pass_over(now, Position{2});
    EXPECT_EQ(registry_->find("default", "c")->position, Position{4});
    ASSERT_TRUE(set_filters("c", R"({"tag":"x"})", "ada")->is_granted);
    registry_->pass_over(now, Position{9});
    EXPECT_EQ(registry_->find("default", "c")->position, Position{4}) << "events may concern it that did not before";
}

TEST_F(ConsumerRegistryTest, TakesOtherFiltersAndKeepsItsPlaceAndTheLease) {
    ASSERT_TRUE(create("c").ok());
    ASSERT_TRUE(registry_->acknowledge("default", "c", Position{7}, false).ok());
    ASSERT_TRUE(registry_->take_lease("default", "c", "ada", 30)->is_granted);
    const auto refused = set_filters("c", R"({"tag":"x"})", "bob");
    EXPECT_FALSE(refused->is_granted);
    EXPECT_EQ(refused->info.lease->owner, "ada");
    EXPECT_TRUE(set_filters("c", "{}", "bob")->is_granted) << "nothing changes";
    const auto changed = set_filters("c", R"({"tag":"x"})", "ada");
    ASSERT_TRUE(changed->is_granted);
    EXPECT_EQ(changed->info.source.filter.tags, std::vector<std::string>{"x"});
    EXPECT_EQ(changed->info.position, Position{7});
    EXPECT_EQ(changed->info.durable_position, Position{7});
    EXPECT_EQ(changed->info.lease->owner, "ada");
    reopen();
    const auto known = registry_->find("default", "c");
    EXPECT_EQ(known->filters, R"({"tag":"x"})");
    EXPECT_EQ(known->source.filter.tags, std::vector<std::string>{"x"});
    EXPECT_EQ(known->position, Position{7});
}

TEST_F(ConsumerRegistryTest, RelativeTimesOfFiltersCountFromWhenTheyWereGiven) {
    constexpr std::int64_t kHourNs = 3'600'000'000'000;
    const Timestamp made{100 * kHourNs};
    const Timestamp later{200 * kHourNs};
    ASSERT_TRUE(registry_->create({.tenant = "default", .name = "c", .created_at = made, .filters_at = made}).ok());
    ConsumerInfo wanted{.tenant = "default", .name = "c", .filters = R"({"since":"1 hour ago"})", .filters_at = later};
    wanted.source = parse_consumer_source("main", wanted.filters, {}, later).value();
    ASSERT_TRUE(registry_->set_filters(wanted, "ada").ok());
    reopen();
    EXPECT_EQ(registry_->find("default", "c")->created_at, made);
    EXPECT_EQ(registry_->find("default", "c")->source.filter.since, Timestamp{199 * kHourNs});
}

TEST_F(ConsumerRegistryTest, TheSameWordsGivenLaterAreAnotherFilter) {
    constexpr std::int64_t kHourNs = 3'600'000'000'000;
    const auto given_at = [](std::int64_t hours) {
        const Timestamp at{hours * kHourNs};
        ConsumerInfo info{.tenant = "default", .name = "c", .filters = R"({"since":"1 hour ago"})", .filters_at = at};
        info.source = parse_consumer_source("main", info.filters, {}, at).value();
        return info;
    };
    ASSERT_TRUE(registry_->create(given_at(100))->is_new);
    const ConsumerInfo before = registry_->find("default", "c").value();
    EXPECT_EQ(registry_->set_filters(given_at(200), "ada")->info.filters_at, Timestamp{200 * kHourNs});
    registry_->pass_over(before, Position{9});
    EXPECT_EQ(registry_->find("default", "c")->position, std::nullopt) << "it was asked by the filter of before";
    reopen();
    EXPECT_EQ(registry_->find("default", "c")->source.filter.since, Timestamp{199 * kHourNs});
    ASSERT_TRUE(registry_->take_lease("default", "c", "ada", 30)->is_granted);
    EXPECT_FALSE(registry_->set_filters(given_at(300), "bob")->is_granted);
}

TEST_F(ConsumerRegistryTest, FiltersStayAsLongAsAnotherHasTheLeaseConcurrently) {
    ASSERT_TRUE(create("c").ok());
    std::atomic<bool> is_done = false;
    std::thread changing([&] {
        for (int i = 0; !is_done; ++i)
            if (!set_filters("c", R"({"tag":")" + std::to_string(i) + R"("})", "ada").ok()) is_done = true;
    });
    int moved = 0;
    for (int i = 0; i < 500; ++i) {
        const auto lease = registry_->take_lease("default", "c", "bob", 30);
        if (!lease.ok()) break;
        for (int look = 0; look < 10; ++look) {
            std::this_thread::yield();
            if (registry_->find("default", "c")->filters != lease->info.filters) ++moved;
        }
        if (!registry_->take_lease("default", "c", "bob", 0).ok()) break;
        std::this_thread::yield();
    }
    EXPECT_FALSE(is_done.exchange(true)) << "filters could not be changed";
    changing.join();
    EXPECT_EQ(moved, 0);
}

TEST_F(ConsumerRegistryTest, RefusesBadNamesAndAnotherForkUnderTheSameName) {
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("a/b"), std::string(129, 'x')})
        EXPECT_FALSE(create(bad).ok()) << bad;
    ASSERT_TRUE(create("c").ok());
    EXPECT_FALSE(create("c")->is_new);
    EXPECT_EQ(create("c", R"({"tag":"x"})")->info.filters, "{}") << "as it is";
    ConsumerInfo moved{.tenant = "default", .name = "c"};
    moved.source.branch = "some-fork";
    const auto other = registry_->set_filters(moved, "ada");
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().code, ErrorCode::kAlreadyExists);
}

TEST_F(ConsumerRegistryTest, ManyAcknowledgeAtOnceAndNothingIsLostConcurrently) {
    constexpr int kThreads = 4;
    for (int i = 0; i < kThreads; ++i) ASSERT_TRUE(create("c" + std::to_string(i)).ok());
    std::vector<std::thread> threads;
    std::atomic<int> failures = 0;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([this, i, &failures] {
            const std::string name = "c" + std::to_string(i);
            for (std::uint64_t at = 0; at < 300; ++at) {
                const bool is_durable = at % 50 == 0;
                if (!registry_->acknowledge("default", name, Position{at}, is_durable).ok()) ++failures;
                if (!registry_->take_lease("default", "c0", name, 1).ok()) ++failures;
                (void)registry_->list("default");
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(failures, 0);
    reopen();
    for (const ConsumerInfo& info : registry_->list("default")) EXPECT_EQ(info.position, Position{299});
}

}  // namespace
}  // namespace chronos::server
