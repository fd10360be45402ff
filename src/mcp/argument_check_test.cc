#include "mcp/argument_check.h"

#include <gtest/gtest.h>

namespace chronos::mcp {
namespace {

std::string mistake(std::string_view arguments, std::string_view schema) {
    return mistake_in(Json::parse(arguments), Json::parse(schema)).value_or("none");
}

TEST(ArgumentCheck, LetsPassWhatMatches) {
    constexpr std::string_view kSchema = R"({"type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": ["string", "integer"]}, "b": {"type": "array", "items": {"enum": ["x", "y"]}},
                       "c": {"$ref": "#/$defs/c"}, "d": {"anyOf": [{"type": "null"}, {"type": "number", "maximum": 3}]}},
        "$defs": {"c": {"type": "object", "properties": {"e": {"type": "boolean"}}}}})";
    EXPECT_EQ(mistake(R"({"a": "1", "b": ["x"], "c": {"e": true, "f": 1}, "d": 2.5})", kSchema), "none");
    EXPECT_EQ(mistake(R"({"a": 2.0, "b": [], "d": null})", kSchema), "none");
    EXPECT_EQ(mistake(R"({"a": 1, "c": {"e": 7}})", kSchema), R"("c.e" must be of type boolean, not number)");
    EXPECT_EQ(mistake(R"({"a": 1, "b": ["x", "z"]})", kSchema), R"("b[1]" must be one of ["x","y"], not "z")");
    EXPECT_EQ(mistake(R"({"a": 1, "d": "no"})", kSchema), R"("d" must be of type null, not string)");
}

TEST(ArgumentCheck, NamesWhatIsMissingUnknownOrTooLarge) {
    constexpr std::string_view kSchema = R"({"type": "object", "required": ["entity_id"], "additionalProperties": false,
        "properties": {"entity_id": {"type": "string", "minLength": 1, "maxLength": 3},
                       "limit": {"type": "integer", "minimum": 1, "maximum": 100}}})";
    EXPECT_EQ(mistake("{}", kSchema), R"("entity_id" is missing)");
    EXPECT_EQ(mistake(R"({"entity": "a"})", kSchema), R"(there is no argument "entity"; did you mean "entity_id"?)");
    EXPECT_EQ(mistake(R"({"entity_id": "a", "limit": 0})", kSchema), R"("limit" must be at least 1)");
    EXPECT_EQ(mistake(R"({"entity_id": "a", "limit": 101})", kSchema), R"("limit" must be at most 100)");
    EXPECT_EQ(mistake(R"({"entity_id": "a", "limit": 1.5})", kSchema),
              R"("limit" must be of type integer, not number)");
    EXPECT_EQ(mistake(R"({"entity_id": "äöü"})", kSchema), "none");
    EXPECT_EQ(mistake(R"({"entity_id": "abcd"})", kSchema), R"("entity_id" must be at most 3 characters long)");
    EXPECT_EQ(mistake(R"({"entity_id": "a", "x": 1})", kSchema),
              R"(there is no argument "x"; there are: entity_id, limit)");
}

TEST(ArgumentCheck, ATimeInPlaceOfAPositionNamesTheArgumentsThatTakeTimes) {
    const Json schema = {{"type", "object"}, {"properties", {{"at", {{"type", "integer"}}}}}};
    const std::string mistake = mistake_in({{"at", "2025-01-01"}}, schema).value_or("");
    EXPECT_NE(mistake.find("as_of"), std::string::npos) << mistake;
    EXPECT_NE(mistake.find("known_at"), std::string::npos) << mistake;
    EXPECT_FALSE(mistake_in({{"at", 7}}, schema));
    EXPECT_TRUE(mistake_in({{"at", true}}, schema));
}

}  // namespace
}  // namespace chronos::mcp
