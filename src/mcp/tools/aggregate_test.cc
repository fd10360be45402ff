// What is counted as a number, what as the same value, and what there is to group by.
#include "mcp/tools/tool_fixture.h"
#include "mcp/tools/value_key.h"

namespace chronos::mcp {
namespace {

class Aggregates : public ToolTest {
protected:
    /// One event of an entity for each of these values of /v; "" leaves the field out.
    void append_values(const std::vector<std::string>& values, const std::string& entity = "a:1") {
        for (const std::string& value : values) append(entity, "v.set", value.empty() ? "{}" : "{\"v\":" + value + "}");
    }

    Json of_values(std::string_view operation) {
        return run("aggregate", {{"op", operation}, {"field", "v"}}).structured;
    }
};

TEST(CanonicalJson, IsTheSameForAllWaysToWriteAValue) {
    for (const std::string_view one : {"1", "1.0", "10e-1", "0.1E1", "1.00e+0"}) EXPECT_EQ(canonical_json(one), "1");
    EXPECT_EQ(canonical_json("-0.0"), "0");
    EXPECT_EQ(canonical_json("120.50"), "120.5");
    EXPECT_EQ(canonical_json("0.050"), "0.05");
    EXPECT_EQ(canonical_json("-25e1"), "-250");
    EXPECT_EQ(canonical_json("9007199254740993"), "9007199254740993");
    EXPECT_EQ(canonical_json("12e40"), canonical_json("1.2e41"));
    EXPECT_NE(canonical_json("1e999999999999999999999"), canonical_json("1e-999999999999999999999"));
    EXPECT_EQ(canonical_json(R"("A\/b")"), R"("A/b")");
    EXPECT_NE(canonical_json(R"("1")"), canonical_json("1"));
    EXPECT_EQ(canonical_json(R"({"b": [1.0, "x"], "a" : null})"), R"({"a":null,"b":[1,"x"]})");
}

TEST_F(Aggregates, TheLeastAndGreatestAreOfNumbersWhereThereAreAny) {
    append_values({"5", "12", "null", R"("abc")", "true", "[1]", R"({"k":1})", "3", ""});
    Json answer = of_values("max");
    EXPECT_EQ(answer["result"]["max"], 12) << answer.dump(1);
    EXPECT_EQ(answer["untrusted"]["max"], 12);
    EXPECT_EQ(answer["result"]["position"], 1);
    EXPECT_EQ(answer["result"]["not_numbers"], 5);
    answer = of_values("min");
    EXPECT_EQ(answer["result"]["min"], 3);
    EXPECT_EQ(answer["result"]["not_numbers"], 5);
    answer = call("aggregate", R"({"op":"max","field":"/v","by":"entity"})");
    EXPECT_EQ(answer["untrusted"]["groups"][0]["max"], 12);
    EXPECT_EQ(answer["untrusted"]["groups"][0]["not_numbers"], 5);
}

TEST_F(Aggregates, WithoutNumbersTheLeastAndGreatestAreOfStrings) {
    append_values({R"("a!")", R"("a")", "null", R"("B")"});
    Json answer = of_values("max");
    EXPECT_EQ(answer["untrusted"]["max"], "a!") << answer.dump(1);
    EXPECT_EQ(answer["result"]["not_strings"], 1);
    EXPECT_EQ(of_values("min")["untrusted"]["min"], "B");
    append_values({"true", "null"}, "b:1");
    answer = call("aggregate", R"({"op":"max","field":"v","entity_id":"b:1"})");
    EXPECT_FALSE(answer["untrusted"].contains("max")) << answer.dump(1);
    EXPECT_EQ(answer["result"]["not_numbers"], 2);
}

TEST_F(Aggregates, GroupsAreOfEqualValues) {
    append_values({"1", "1.0", R"("1")", "true", R"("true")", "null", R"("null")", "", R"("")", R"("plain")"});
    Json answer = call("aggregate", R"({"op":"count","by":"/v"})");
    EXPECT_EQ(answer["groups"], 9) << answer.dump(1);
    const auto count_of = [&answer](const Json& group, bool is_missing = false) {
        for (const Json& row : answer["untrusted"]["groups"]) {
            if (row["group"] == group && row["group"].type() == group.type() &&
                row.contains("field_missing") == is_missing)
                return row["count"].get<int>();
        }
        return 0;
    };
    EXPECT_EQ(count_of(Json::parse("1")), 2);
    for (const Json& group :
         {Json("1"), Json(true), Json("true"), Json(nullptr), Json("null"), Json(""), Json("plain")})
        EXPECT_EQ(count_of(group), 1) << group;
    EXPECT_EQ(count_of(nullptr, true), 1);
    answer = of_values("distinct");
    EXPECT_EQ(answer["result"]["distinct"], 8) << answer.dump(1);
}

}  // namespace
}  // namespace chronos::mcp
