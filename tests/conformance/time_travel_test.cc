// What `diff` and `history` promise on the command line: docs/reference/command-line.md.

#include <nlohmann/json.hpp>

#include "conformance/program_runner.h"

namespace chronos::conformance {
namespace {

using nlohmann::json;

class TimeTravel : public ProgramTest {
protected:
    /// Answers when it was recorded.
    std::string append(const std::string& entity, const std::string& type, const std::string& payload,
                       const std::string& date, const std::string& metadata = "{}") {
        const std::string answer = expect_ok({"append", "--entity", entity, "--type", type, "--payload", payload,
                                              "--occurred-at", date, "--metadata", metadata, "--json"});
        return json::parse(answer)["timestamp"];
    }
    /// A price told in time, one told late, and a correction; answers when the first two were recorded.
    std::pair<std::string, std::string> append_prices() {
        append("price:1", "price.set", R"({"price":100,"by":"list"})", "2026-01-10", R"({"actor":"bob"})");
        const std::string first = append("price:1", "price.set", R"({"price":120})", "2026-01-20");
        const std::string second = append("price:1", "price.set", R"({"price":110})", "2026-01-15");
        append("price:1", "price.corrected", R"({"price":105,"by":null})", "2026-01-10",
               R"({"actor":"ada","reason":"typing error"})");
        return {first, second};
    }
    /// The lines of an answer with --json.
    std::vector<json> lines(std::vector<std::string> arguments) {
        arguments.push_back("--json");
        std::vector<json> found;
        std::istringstream text(expect_ok(std::move(arguments)));
        for (std::string line; std::getline(text, line);) found.push_back(json::parse(line));
        return found;
    }
};

TEST_F(TimeTravel, DiffShowsFieldsAndTheEventsThatDidIt) {
    const auto [first, second] = append_prices();
    append("price:2", "price.set", R"({"price":1})", "2026-01-01");
    const std::vector<json> found =
        lines({"diff", "price:1", "--from-known-at", second, "--from-as-of", "2026-01-12", "--to-as-of", "2026-01-12"});
    ASSERT_EQ(found.size(), 2U);
    const json& price = found[0];
    EXPECT_EQ(price["entity_id"], "price:1");
    EXPECT_EQ(price["existed"], true);
    EXPECT_EQ(price["version_before"], 1);
    EXPECT_EQ(price["version_after"], 4);
    ASSERT_EQ(price["added"].size(), 1U);
    EXPECT_EQ(price["added"][0]["event_type"], "price.corrected");
    EXPECT_EQ(price["added"][0]["actor"], "ada");
    EXPECT_EQ(price["removed"], json::array());
    const json id = price["added"][0]["id"];
    EXPECT_EQ(price["fields"], json::array({{{"pointer", "/price"}, {"before", 100}, {"after", 105}, {"event_id", id}},
                                            {{"pointer", "/by"}, {"before", "list"}, {"event_id", id}}}));
    const json& summary = found[1]["summary"];
    EXPECT_EQ(summary["entities"], 1);
    EXPECT_EQ(summary["added"], 1);
    EXPECT_EQ(summary["removed"], 0);
    EXPECT_EQ(summary["before"]["known_at"], second);
    EXPECT_EQ(summary["after"]["as_of"], "2026-01-12T00:00:00Z");
    EXPECT_FALSE(summary.contains("next_after"));
}

TEST_F(TimeTravel, DiffIsReadable) {
    const auto [first, second] = append_prices();
    EXPECT_EQ(expect_ok({"diff", "--from-as-of", "2026-01-12", "--to-as-of", "2026-01-09"})
                  .substr(0, std::string("price:1  gone, was version 4\n  /price: 105 → gone\n").size()),
              "price:1  gone, was version 4\n  /price: 105 → gone\n");
    const std::string since = expect_ok({"diff", "--since", second});
    EXPECT_TRUE(since.starts_with("price:1  version 3 → 4\n  /price: 110 → 105  by version 4\n")) << since;
    EXPECT_NE(since.find("  + version 4  price.corrected  2026-01-10T00:00:00Z  by ada"), std::string::npos) << since;
    EXPECT_EQ(last_line(since), "1 entity differs: 1 event added, 0 removed");
    EXPECT_EQ(expect_ok({"diff", "--since", first, "--summary"}), "1 entity differs: 2 events added, 0 removed\n");
    EXPECT_EQ(expect_ok({"diff", "--from-at", "3"}), "nothing differs\n");
}

TEST_F(TimeTravel, DiffGoesOnBehindAnEntity) {
    const std::string start = append("x", "t", "{}", "2026-01-01");
    for (const char* entity : {"a:1", "a:2", "b:1"}) append(entity, "t", "{}", "2026-01-01");
    std::vector<json> found = lines({"diff", "--since", start, "--limit", "2", "--events-max", "0"});
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0]["existed"], false);
    EXPECT_EQ(found[0]["added"], json::array());
    EXPECT_EQ(found[0]["added_count"], 1);
    EXPECT_EQ(found[2]["summary"]["entities"], 3);
    EXPECT_EQ(found[2]["summary"]["next_after"], "a:2");
    found = lines({"diff", "--since", start, "--after", "a:2"});
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0]["entity_id"], "b:1");
    EXPECT_EQ(lines({"diff", "--since", start, "--entity-prefix", "a:"}).size(), 3U);
    found = lines({"diff", "--since", start, "--summary"});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0]["summary"].contains("next_after"));
}

TEST_F(TimeTravel, DiffRefusesWhatItCannotCompare) {
    append_prices();
    EXPECT_EQ(chronos({"diff"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "price:1"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "--from-at", "99"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "--from-at", "2026-01-01"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "--since", "now", "--from-known-at", "now"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "--since", "now", "--limit", "10001"}).exit_code, 2);
    EXPECT_EQ(chronos({"diff", "--from-fork", "nothing"}).exit_code, 3);
}

TEST_F(TimeTravel, DiffComparesForks) {
    append("a", "t", R"({"x":1})", "2026-01-01");
    expect_ok({"fork", "create", "--name", "what-if"});
    append("a", "t", R"({"x":2})", "2026-01-02");
    append("b", "t", R"({"y":1})", "2026-01-02");
    expect_ok({"append", "--fork", "what-if", "--entity", "a", "--type", "tried", "--payload", R"({"x":3})"});
    const std::vector<json> found = lines({"diff", "--from-fork", "main", "--to-fork", "what-if"});
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0]["version_before"], 2);
    EXPECT_EQ(found[0]["version_after"], 2);
    EXPECT_EQ(found[0]["fields"][0]["before"], 2);
    EXPECT_EQ(found[0]["fields"][0]["after"], 3);
    EXPECT_EQ(found[0]["added"][0]["event_type"], "tried");
    EXPECT_EQ(found[0]["removed_count"], 1);
    EXPECT_EQ(found[1]["entity_id"], "b");
    EXPECT_EQ(found[1]["exists"], false);
    EXPECT_FALSE(found[1]["fields"][0].contains("event_id"));
    EXPECT_EQ(found[2]["summary"]["added"], 1);
    EXPECT_EQ(found[2]["summary"]["removed"], 2);
    EXPECT_EQ(last_line(expect_ok({"diff", "--fork", "what-if", "--from-at", "0"})),
              "1 entity differs: 1 event added, 0 removed");
}

TEST_F(TimeTravel, StateAnswersForBothTimesAndBothOrders) {
    const auto [first, second] = append_prices();
    const auto price = [this](std::vector<std::string> options) {
        options.insert(options.begin(), {"state", "price:1"});
        return lines(std::move(options))[0]["state"]["price"].get<int>();
    };
    EXPECT_EQ(price({"--known-at", first, "--as-of", "2026-01-16"}), 100);
    EXPECT_EQ(price({"--known-at", second, "--as-of", "2026-01-16"}), 110);
    EXPECT_EQ(price({"--as-of", "2026-01-16"}), 105);
    EXPECT_EQ(price({"--as-of", "2026-01-16", "--fold-order", "occurred"}), 110);
    EXPECT_EQ(price({"--known-at", second}), 110);
    EXPECT_EQ(price({"--known-at", second, "--fold-order", "occurred"}), 120);
    EXPECT_EQ(price({}), 105);
    EXPECT_EQ(price({"--fold-order", "occurred"}), 120);
}

TEST_F(TimeTravel, HistorySaysWhoWhyAndHowLongAfter) {
    append_prices();
    const std::vector<json> entries = lines({"history", "price:1"});
    ASSERT_EQ(entries.size(), 4U);
    EXPECT_EQ(entries[0]["actor"], "bob");
    EXPECT_FALSE(entries[0].contains("duration_ns"));
    EXPECT_FALSE(entries[1].contains("actor"));
    EXPECT_EQ(entries[1]["duration_ns"], 10 * 86'400'000'000'000);
    EXPECT_EQ(entries[2]["duration_ns"], -5 * 86'400'000'000'000);
    EXPECT_EQ(entries[3]["reason"], "typing error");
    const std::string text = expect_ok({"history", "price:1"});
    EXPECT_NE(text.find("version 2  price.set  2026-01-20T00:00:00Z  after 10d\n"), std::string::npos) << text;
    EXPECT_NE(text.find("version 3  price.set  2026-01-15T00:00:00Z  5d earlier than the one above\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("by ada  5d earlier than the one above\n  reason: typing error\n"), std::string::npos) << text;
}

TEST_F(TimeTravel, HistorySaysSinceWhenFieldsHaveTheirValues) {
    append_prices();
    const std::vector<json> fields = lines({"history", "price:1", "--fields", "--as-of", "2026-01-12"});
    ASSERT_EQ(fields.size(), 1U);
    EXPECT_EQ(fields[0]["pointer"], "/price");
    EXPECT_EQ(fields[0]["value"], 105);
    EXPECT_EQ(fields[0]["event_type"], "price.corrected");
    EXPECT_EQ(fields[0]["actor"], "ada");
    EXPECT_EQ(fields[0]["duration_ns"], 2 * 86'400'000'000'000);
    EXPECT_EQ(fields[0]["change_count"], 2);
    const std::string text = expect_ok({"history", "price:1", "--fields", "--as-of", "2026-01-12"});
    EXPECT_EQ(text, "/price: 105\n  price.corrected  version 4  2026-01-10T00:00:00Z  by ada  for 2d\n");
}

TEST_F(TimeTravel, HistorySaysWhatNeverHappened) {
    append_prices();
    append("price:10", "price.set", "{}", "2026-01-01");
    append("invoice:7", "invoice.sent", "{}", "2026-01-01");
    const std::vector<json> found =
        lines({"history", "price:1", "--expect-type", "price.set", "--expect-type", "price.dropped"});
    EXPECT_EQ(found.back(), json::parse(R"({"absent_types":["price.dropped"]})"));
    EXPECT_EQ(last_line(expect_ok(
                  {"history", "price:1", "--expect-type", "price.corrected", "--as-of", "2026-01-20", "--at", "2"})),
              "no event of type price.corrected in this view");

    const Answer unknown = chronos({"history", "prise:1"});
    EXPECT_EQ(unknown.exit_code, 3);
    EXPECT_NE(unknown.errors.find("no event of prise:1, ever; nearest ids: price:1, price:10"), std::string::npos)
        << unknown.errors;
    EXPECT_EQ(unknown.errors.find("invoice"), std::string::npos) << unknown.errors;
    const Answer later = chronos({"history", "price:10", "--at", "2", "--json"});
    EXPECT_EQ(later.exit_code, 3);
    const std::string message = json::parse(last_line(later.errors))["message"];
    EXPECT_NE(message.find("first appears at position 4"), std::string::npos) << message;
    EXPECT_NE(message.find("occurred 2026-01-01T00:00:00Z"), std::string::npos) << message;
}

}  // namespace
}  // namespace chronos::conformance
