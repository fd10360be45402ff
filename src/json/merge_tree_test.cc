#include "json/merge_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

namespace chronos::json {
namespace {

MergeTree folded(const std::vector<std::string>& payloads, FoldKind kind = FoldKind::kMergePatch) {
    MergeTree tree;
    std::uint64_t origin = 0;
    for (const std::string& payload : payloads) EXPECT_TRUE(tree.apply(payload, ++origin, kind).ok()) << payload;
    return tree;
}

std::string merged(const std::vector<std::string>& payloads) { return folded(payloads).to_json(); }

std::vector<std::string> described_leaves(const MergeTree& tree) {
    std::vector<std::string> leaves;
    tree.visit_fields([&](std::string_view pointer, std::string_view raw, std::uint64_t origin) {
        leaves.push_back(std::string(pointer) + "=" + std::string(raw) + " @" + std::to_string(origin));
    });
    return leaves;
}

using Lines = std::vector<std::string>;

// RFC 7396 appendix A, without the rows whose target or patch is no object.
TEST(MergeTree, FollowsTheExamplesOfRfc7396) {
    EXPECT_EQ(merged({R"({"a":"b"})", R"({"a":"c"})"}), R"({"a":"c"})");
    EXPECT_EQ(merged({R"({"a":"b"})", R"({"b":"c"})"}), R"({"a":"b","b":"c"})");
    EXPECT_EQ(merged({R"({"a":"b"})", R"({"a":null})"}), R"({})");
    EXPECT_EQ(merged({R"({"a":"b","b":"c"})", R"({"a":null})"}), R"({"b":"c"})");
    EXPECT_EQ(merged({R"({"a":["b"]})", R"({"a":"c"})"}), R"({"a":"c"})");
    EXPECT_EQ(merged({R"({"a":"c"})", R"({"a":["b"]})"}), R"({"a":["b"]})");
    EXPECT_EQ(merged({R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"}), R"({"a":{"b":"d"}})");
    EXPECT_EQ(merged({R"({"a":[{"b":"c"}]})", R"({"a":[1]})"}), R"({"a":[1]})");
    EXPECT_EQ(merged({R"({"e":null})", R"({"a":1})"}), R"({"a":1})");
    EXPECT_EQ(merged({R"({})", R"({"a":{"bb":{"ccc":null}}})"}), R"({"a":{"bb":{}}})");
    EXPECT_EQ(merged({R"({"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},)"
                      R"("tags":["example","sample"],"content":"This will be unchanged"})",
                      R"({"title":"Hello!","phoneNumber":"+01-123-456-7890",)"
                      R"("author":{"familyName":null},"tags":["example"]})"}),
              R"({"title":"Hello!","author":{"givenName":"John"},"tags":["example"],)"
              R"("content":"This will be unchanged","phoneNumber":"+01-123-456-7890"})");
}

// The other rows: such a payload is no state of an entity, and takes no part.
TEST(MergeTree, IgnoresPayloadsThatAreNoObjects) {
    MergeTree tree;
    for (const char* payload : {R"(["c"])", "null", R"("bar")", "1", "true"}) {
        EXPECT_FALSE(*tree.apply(payload, 1, FoldKind::kMergePatch));
    }
    EXPECT_TRUE(tree.empty());
    EXPECT_TRUE(*tree.apply(" {} ", 1, FoldKind::kMergePatch));
    EXPECT_TRUE(tree.empty());
    EXPECT_EQ(tree.to_json(), "{}");
}

TEST(MergeTree, MergesNestedObjectsAndDropsNulls) {
    EXPECT_EQ(merged({R"({"a":1})", R"({"a":{"b":{"c":null,"d":2},"e":null}})", R"({"a":{"b":{"f":3}}})"}),
              R"({"a":{"b":{"d":2,"f":3}}})");
}

TEST(MergeTree, KeepsTheTextOfNumbersStringsAndArrays) {
    EXPECT_EQ(merged({R"( { "n" : 1.50 , "s" : "\u0041\/" , "a" : [ 1.0, {"x": null} ] , "o" : { "k" : 1E2 } } )"}),
              R"({"n":1.50,"s":"\u0041\/","a":[ 1.0, {"x": null} ],"o":{"k":1E2}})");
}

TEST(MergeTree, ComparesKeysAfterUnescapingAndWritesThemCanonically) {
    EXPECT_EQ(merged({R"({"\u0061\/\n":1})", R"({"a/\u000a":2})"}), R"({"a/\n":2})");
}

TEST(MergeTree, OverwritesTopLevelKeysInAShallowFold) {
    const MergeTree tree =
        folded({R"({"a":{"x":1},"b":2,"c":{"d":null}})", R"({"a":{"y":null},"b":null})"}, FoldKind::kShallow);
    EXPECT_EQ(tree.to_json(), R"({"a":{"y":null},"b":null,"c":{"d":null}})");
}

TEST(MergeTree, KnowsTheOriginOfEveryLeaf) {
    const MergeTree tree =
        folded({R"({"a":{"b":1,"c":2},"d":[1],"e~/":{}})", R"({"a":{"b":3},"d":[1]})", R"({"a":{"b":null,"c":null}})"});
    EXPECT_EQ(described_leaves(tree), (Lines{"/a={} @3", "/d=[1] @2", "/e~0~1={} @1"}));
}

TEST(MergeTree, AnswersFieldsByPointer) {
    const MergeTree tree = folded({R"({"a":{"b":[10,{"c":1.0}],"~/":true}})"});
    EXPECT_EQ(tree.field("/a/b/1/c"), "1.0");
    EXPECT_EQ(tree.field("/a/~0~1"), "true");
    EXPECT_EQ(tree.field("/a/b"), R"([10,{"c":1.0}])");
    EXPECT_EQ(tree.field(""), R"({"a":{"b":[10,{"c":1.0}],"~/":true}})");
    EXPECT_EQ(tree.field("/a/x"), std::nullopt);
    EXPECT_EQ(tree.field("/a/~0~1/x"), std::nullopt);
    EXPECT_EQ(tree.field("a"), std::nullopt);
}

TEST(MergeTree, CopiesDeeply) {
    const MergeTree original = folded({R"({"a":{"b":1}})"});
    MergeTree copy = original;
    ASSERT_TRUE(copy.apply(R"({"a":{"b":2,"c":3}})", 9, FoldKind::kMergePatch).ok());
    EXPECT_EQ(original.to_json(), R"({"a":{"b":1}})");
    EXPECT_EQ(copy.to_json(), R"({"a":{"b":2,"c":3}})");
    copy = original;
    EXPECT_EQ(copy.to_json(), original.to_json());
    EXPECT_GT(copy.memory_bytes(), sizeof(MergeTree));
}

TEST(MergeTree, RefusesPayloadsNestedTooDeeplyAndStaysAsItWas) {
    std::string deep = "1";
    for (int i = 0; i < 64; ++i) deep = R"({"k":)" + deep + "}";
    MergeTree tree;
    EXPECT_TRUE(tree.apply(deep, 1, FoldKind::kMergePatch).ok());
    const std::string before = tree.to_json();
    const Result<bool> deeper = tree.apply(R"({"first":1,"k":)" + deep + "}", 2, FoldKind::kMergePatch);
    ASSERT_FALSE(deeper.ok());
    EXPECT_EQ(deeper.error().code, ErrorCode::kLimitExceeded);
    EXPECT_EQ(tree.to_json(), before);
}

TEST(MergeTree, StaysFastAndRightWithManyKeysComingAndGoing) {
    MergeTree tree;
    std::map<std::string, int> expected;
    std::mt19937 random(11);
    for (int round = 0; round < 50'000; ++round) {
        const std::string key = "customer-" + std::to_string(random() % 5000) + "-settings";
        const bool is_removed = random() % 3 == 0;
        const std::string value = is_removed ? "null" : std::to_string(round);
        ASSERT_TRUE(tree.apply("{\"" + key + "\":" + value + "}", 1, FoldKind::kMergePatch).ok());
        if (is_removed) expected.erase(key);
        if (!is_removed) expected[key] = round;
    }
    EXPECT_EQ(nlohmann::json::parse(tree.to_json()), nlohmann::json(expected));
    for (const auto& [key, value] : expected) ASSERT_EQ(tree.field("/" + key), std::to_string(value));
}

TEST(MergeTree, ReportsWhatAPayloadChanged) {
    MergeTree tree = folded({R"({"a":{"b":1},"c":2,"same":3})"});
    std::vector<FieldChange> changes;
    ASSERT_TRUE(tree.apply(R"({"a":{"b":null},"c":{"d":[1]},"same":3,"gone":null,"new":"x"})", 2, FoldKind::kMergePatch,
                           &changes)
                    .ok());
    EXPECT_EQ(changes, (std::vector<FieldChange>{{"/a/b", "1", std::nullopt},
                                                 {"/a", std::nullopt, "{}"},
                                                 {"/c/d", std::nullopt, "[1]"},
                                                 {"/c", "2", std::nullopt},
                                                 {"/new", std::nullopt, "\"x\""}}));
}

nlohmann::json random_value(std::mt19937& random, int depth) {
    switch (random() % (depth > 0 ? 8 : 5)) {
        case 0: return nullptr;
        case 1: return random() % 3;
        case 2: return "s" + std::to_string(random() % 3);
        case 3: return nlohmann::json::array({1, nullptr});
        case 4: return nlohmann::json::object();
        default: {
            nlohmann::json object = nlohmann::json::object();
            const std::size_t count = random() % 4 == 0 ? random() % 40 : random() % 4;
            for (std::size_t i = 0; i < count; ++i) {
                object["k\n" + std::to_string(random() % (count + 2))] = random_value(random, depth - 1);
            }
            return object;
        }
    }
}

void expect_same_changes(std::vector<FieldChange> actual, std::vector<FieldChange> expected) {
    std::ranges::sort(actual, {}, &FieldChange::pointer);
    std::ranges::sort(expected, {}, &FieldChange::pointer);
    ASSERT_EQ(actual, expected);
}

nlohmann::json shallow(nlohmann::json target, const nlohmann::json& patch) {
    for (const auto& [key, value] : patch.items()) target[key] = value;
    return target;
}

TEST(MergeTree, AgreesWithAnotherImplementationOnRandomPayloads) {
    for (unsigned seed = 0; seed < 600; ++seed) {
        std::mt19937 random(seed);
        const FoldKind kind = seed % 3 == 0 ? FoldKind::kShallow : FoldKind::kMergePatch;
        MergeTree tree;
        MergeTree unobserved;
        nlohmann::json expected = nlohmann::json::object();
        for (int i = 0; i < 25; ++i) {
            const nlohmann::json patch = random_value(random, 4);
            const MergeTree before = tree;
            std::vector<FieldChange> changes;
            const std::string payload = patch.dump();
            ASSERT_EQ(*tree.apply(payload, random(), kind, &changes), patch.is_object());
            ASSERT_TRUE(unobserved.apply(payload, 1, kind).ok());
            if (patch.is_object() && kind == FoldKind::kMergePatch) expected.merge_patch(patch);
            if (patch.is_object() && kind == FoldKind::kShallow) expected = shallow(expected, patch);
            ASSERT_EQ(nlohmann::json::parse(tree.to_json()), expected) << "seed " << seed << ": " << payload;
            ASSERT_EQ(unobserved.to_json(), tree.to_json());
            expect_same_changes(changes, changed_fields(before, tree));
        }
    }
}

TEST(MergeTree, RestoredGoesOnAsTheOneItWasTakenOf) {
    for (unsigned seed = 0; seed < 600; ++seed) {
        std::mt19937 random(seed);
        const FoldKind kind = seed % 3 == 0 ? FoldKind::kShallow : FoldKind::kMergePatch;
        MergeTree tree;
        for (std::uint64_t i = 0; i < 12; ++i) {
            ASSERT_TRUE(tree.apply(random_value(random, 4).dump(seed % 2 == 0 ? -1 : 1), random(), kind).ok());
            Result<MergeTree> restored = MergeTree::restore(tree.to_json(), tree.origins());
            ASSERT_TRUE(restored.ok()) << restored.error().message;
            ASSERT_EQ(restored->to_json(), tree.to_json());
            ASSERT_EQ(described_leaves(*restored), described_leaves(tree));
            const std::string payload = random_value(random, 4).dump();
            MergeTree original = tree;
            ASSERT_TRUE(original.apply(payload, 7, kind).ok());
            ASSERT_TRUE(restored->apply(payload, 7, kind).ok());
            ASSERT_EQ(restored->to_json(), original.to_json()) << "seed " << seed << ": " << payload;
            ASSERT_EQ(described_leaves(*restored), described_leaves(original)) << "seed " << seed << ": " << payload;
        }
    }
}

TEST(MergeTree, RestoresStatesWithMoreKeysThanAPayloadMayHave) {
    MergeTree tree;
    for (int i = 0; i < 5'000; ++i)
        ASSERT_TRUE(tree.apply("{\"k" + std::to_string(i) + "\":[1, 2]}", i, FoldKind::kMergePatch).ok());
    const Result<MergeTree> restored = MergeTree::restore(tree.to_json(), tree.origins());
    ASSERT_TRUE(restored.ok()) << restored.error().message;
    EXPECT_EQ(described_leaves(*restored), described_leaves(tree));
}

TEST(MergeTree, RestoresNothingThatNoTreeGives) {
    const auto restores = [](std::string_view json, const std::vector<std::uint64_t>& origins) {
        return MergeTree::restore(json, origins).ok();
    };
    EXPECT_TRUE(restores("{}", {}));
    EXPECT_TRUE(restores(R"({"a":{},"b":{"c":1}})", {1, 2}));
    EXPECT_FALSE(restores("{}", {1}));
    EXPECT_FALSE(restores(R"({"a":{},"b":{"c":1}})", {1}));
    EXPECT_FALSE(restores(R"({"a":1)", {1}));
    EXPECT_FALSE(restores(R"({"a":1,"a":2})", {1, 2}));
    EXPECT_FALSE(restores("[1]", {1}));
    EXPECT_FALSE(restores("", {}));
}

}  // namespace
}  // namespace chronos::json
