#include "json/pointer.h"

#include <gtest/gtest.h>

#include <string>

namespace chronos::json {
namespace {

constexpr std::string_view kPayload =
    R"( {"total":12.50,"name":"Ada","none":null,"tags":["web",2.0,{"k":1}],"a/b":{"~":true},)"
    R"("nested":{"list":[[1,2],[3]],"text":"caf\u00e9"},"":"empty","0":"zero"} )";

bool matches(std::string_view pointer, std::string_view op, std::string_view operand) {
    Result<Operator> parsed = parse_operator(op);
    Result<CompiledPredicate> predicate = CompiledPredicate::compile(pointer, *parsed, operand);
    if (!predicate.ok()) ADD_FAILURE() << predicate.error().message;
    const bool alone = predicate->matches(kPayload);
    Result<PredicateSet> set = PredicateSet::create({*predicate, *predicate});
    EXPECT_EQ(set->matches(kPayload), alone) << pointer << " " << op << " " << operand;
    return alone;
}

TEST(Pointer, ComparesForEquality) {
    EXPECT_TRUE(matches("/total", "=", "12.5"));
    EXPECT_TRUE(matches("/total", "==", " 125e-1 "));
    EXPECT_FALSE(matches("/total", "!=", "12.5"));
    EXPECT_TRUE(matches("/total", "!=", "\"12.5\""));
    EXPECT_TRUE(matches("/nested/text", "=", "\"café\""));
    EXPECT_TRUE(matches("/nested/list", "=", "[[1.0,2],[3]]"));
    EXPECT_TRUE(matches("/none", "=", "null"));
    EXPECT_TRUE(matches("/a~1b", "=", R"({"~":true})"));
}

TEST(Pointer, IsFalseForAFieldThatIsNotThere) {
    for (const char* op : {"=", "!=", "<", "<=", ">", ">=", "contains", "exists"}) {
        EXPECT_FALSE(matches("/missing", op, "1")) << op;
        EXPECT_FALSE(matches("/total/deeper", op, "1")) << op;
        EXPECT_FALSE(matches("/tags/3", op, "1")) << op;
    }
}

TEST(Pointer, OrdersNumbersWithNumbersAndStringsWithStrings) {
    EXPECT_TRUE(matches("/total", "<", "100"));
    EXPECT_FALSE(matches("/total", "<", "12.5"));
    EXPECT_TRUE(matches("/total", "<=", "12.500"));
    EXPECT_TRUE(matches("/total", ">", "-1e5"));
    EXPECT_TRUE(matches("/total", ">=", "12.5"));
    EXPECT_TRUE(matches("/name", "<", "\"Bob\""));
    EXPECT_TRUE(matches("/name", ">=", "\"Ada\""));
    EXPECT_FALSE(matches("/name", "<", "100"));
    EXPECT_FALSE(matches("/total", "<", "\"9\""));
    EXPECT_FALSE(matches("/none", "<=", "null"));
}

TEST(Pointer, FindsPartsOfStringsElementsAndKeys) {
    EXPECT_TRUE(matches("/name", "contains", "\"da\""));
    EXPECT_FALSE(matches("/name", "contains", "\"DA\""));
    EXPECT_TRUE(matches("/nested/text", "contains", "\"é\""));
    EXPECT_TRUE(matches("/tags", "contains", "\"web\""));
    EXPECT_TRUE(matches("/tags", "contains", "2"));
    EXPECT_TRUE(matches("/tags", "contains", R"({"k":1.0})"));
    EXPECT_FALSE(matches("/tags", "contains", "\"we\""));
    EXPECT_TRUE(matches("/nested", "contains", "\"list\""));
    EXPECT_FALSE(matches("/nested", "contains", "1"));
    EXPECT_FALSE(matches("/total", "contains", "1"));
    EXPECT_TRUE(matches("", "contains", "\"a/b\""));
}

TEST(Pointer, FollowsRfc6901) {
    EXPECT_TRUE(matches("", "exists", ""));
    EXPECT_TRUE(matches("/", "=", "\"empty\""));
    EXPECT_TRUE(matches("/0", "=", "\"zero\""));
    EXPECT_TRUE(matches("/a~1b/~0", "=", "true"));
    EXPECT_TRUE(matches("/nested/list/0/1", "=", "2"));
    EXPECT_TRUE(matches("/none", "exists", ""));
    EXPECT_FALSE(matches("/tags/-", "exists", ""));
    EXPECT_FALSE(matches("/tags/01", "exists", ""));
    EXPECT_FALSE(matches("/tags/99999999999999999999", "exists", ""));
}

TEST(Pointer, RefusesMalformedPointersAndOperands) {
    for (const char* pointer : {"a", "a/b", "/a~", "/~2", "#/a", " /a"}) {
        EXPECT_FALSE(CompiledPredicate::compile(pointer, Operator::kExists, "").ok()) << pointer;
    }
    EXPECT_FALSE(CompiledPredicate::compile("/a", Operator::kEqual, "DE").ok());
    EXPECT_FALSE(CompiledPredicate::compile("/a", Operator::kEqual, "").ok());
    EXPECT_EQ(CompiledPredicate::compile(std::string(200, '/'), Operator::kExists, "").error().code,
              ErrorCode::kLimitExceeded);
}

TEST(Pointer, NamesTheOperatorsItKnows) {
    const Result<Operator> unknown = parse_operator("like");
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(unknown.error().message, "unknown operator 'like'; known are =, ==, !=, <, <=, >, >=, contains, exists");
}

CompiledPredicate predicate(std::string_view pointer, Operator op, std::string_view operand) {
    return *CompiledPredicate::compile(pointer, op, operand);
}

TEST(PredicateSet, NeedsAllToHold) {
    const auto all_hold = [](std::vector<CompiledPredicate> predicates) {
        return PredicateSet::create(std::move(predicates))->matches(kPayload);
    };
    EXPECT_TRUE(all_hold({}));
    EXPECT_TRUE(all_hold({predicate("/nested/list/1/0", Operator::kEqual, "3"),
                          predicate("/nested/text", Operator::kContains, "\"caf\""),
                          predicate("/nested", Operator::kExists, ""), predicate("", Operator::kContains, "\"tags\""),
                          predicate("/tags/0", Operator::kEqual, "\"web\"")}));
    EXPECT_FALSE(
        all_hold({predicate("/name", Operator::kExists, ""), predicate("/nested/list/1/1", Operator::kExists, "")}));
    EXPECT_FALSE(
        all_hold({predicate("/total", Operator::kGreater, "12"), predicate("/total", Operator::kLess, "12.5")}));
}

TEST(PredicateSet, TakesUpToSixtyFour) {
    const CompiledPredicate one = predicate("/name", Operator::kExists, "");
    EXPECT_TRUE(PredicateSet::create(std::vector(64, one))->matches(kPayload));
    EXPECT_FALSE(PredicateSet::create(std::vector(65, one)).ok());
}

TEST(PredicateSet, IsFalseForNoTextAtAll) {
    const CompiledPredicate whole = predicate("", Operator::kExists, "");
    EXPECT_FALSE(whole.matches(" "));
    EXPECT_FALSE(PredicateSet::create({whole})->matches(""));
}

TEST(PredicateSet, SurvivesTextThatIsNotJson) {
    const auto set =
        PredicateSet::create({predicate("/a/b", Operator::kEqual, "1"), predicate("/a", Operator::kExists, "")});
    for (const char* text : {"", "{", "{\"a", "{\"a\":", "{\"a\":{\"b", "[[[", "{\"a\":{\"b\":", "nonsense"}) {
        EXPECT_FALSE(set->matches(text)) << text;
    }
}

}  // namespace
}  // namespace chronos::json
