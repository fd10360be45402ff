#include "app/csv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "app/csv_event.h"
#include "event/batch_content.h"

namespace chronos::app {
namespace {

using Records = std::vector<std::vector<std::string>>;

/// Gives out a text a few bytes at a time, so that every boundary is met.
CsvReader reader_of(std::string_view text, char delimiter = ',', CsvEncoding encoding = CsvEncoding::kUtf8) {
    return CsvReader(
        [text](std::span<char> out) mutable -> Result<std::size_t> {
            const std::size_t size = std::min({out.size(), text.size(), std::size_t{3}});
            std::memcpy(out.data(), text.data(), size);
            text.remove_prefix(size);
            return size;
        },
        delimiter, encoding);
}

Records records_of(std::string_view text, char delimiter = ',', CsvEncoding encoding = CsvEncoding::kUtf8) {
    CsvReader csv = reader_of(text, delimiter, encoding);
    Records records;
    std::vector<std::string> record;
    while (csv.next(record).value()) records.push_back(record);
    return records;
}

std::string error_of(std::string_view text) {
    CsvReader csv = reader_of(text);
    std::vector<std::string> record;
    for (;;) {
        const Result<bool> more = csv.next(record);
        if (!more.ok()) return more.error().message;
        if (!*more) return "";
    }
}

TEST(Csv, SplitsRecordsAndFields) {
    EXPECT_EQ(records_of("a,b\n1,2\n"), (Records{{"a", "b"}, {"1", "2"}}));
    EXPECT_EQ(records_of("a,,c"), (Records{{"a", "", "c"}}));
    EXPECT_EQ(records_of("a,\n"), (Records{{"a", ""}}));
    EXPECT_EQ(records_of(""), Records{});
    EXPECT_EQ(records_of("a;b", ';'), (Records{{"a", "b"}}));
}

TEST(Csv, KeepsWhatQuotesProtect) {
    EXPECT_EQ(records_of("\"a,b\",\"say \"\"hi\"\"\"\n"), (Records{{"a,b", "say \"hi\""}}));
    EXPECT_EQ(records_of("\"two\nlines\",x\r\n"), (Records{{"two\nlines", "x"}}));
    EXPECT_EQ(records_of("\"\"\n"), (Records{{""}}));
}

TEST(Csv, TakesEveryEndOfLineAndAByteOrderMark) {
    EXPECT_EQ(records_of("\xEF\xBB\xBF"
                         "a\r\nb\rc\n\nd"),
              (Records{{"a"}, {"b"}, {"c"}, {"d"}}));
}

TEST(Csv, RefusesQuotesThatMeanNothingClear) {
    EXPECT_EQ(error_of("a,b\nx,\"open\n\n"), "line 4: the quote that opens on line 2 is not closed");
    EXPECT_EQ(error_of("\"a\"b,c\n"), "line 1: text follows a closing quote");
    EXPECT_NE(error_of("a\n5\" disk\n").find("line 2: a quote inside a field"), std::string::npos);
}

TEST(Csv, RefusesBytesThatAreNotUtf8WithTheirPlace) {
    EXPECT_EQ(records_of("caf\xC3\xA9,\xF0\x9F\x98\x80"), (Records{{"caf\xC3\xA9", "\xF0\x9F\x98\x80"}}));
    EXPECT_TRUE(error_of("a,b\nz\xC3\xBC,caf\xE9,x\n").starts_with("line 2, column 7: not UTF-8"))
        << error_of("a,b\nz\xC3\xBC,caf\xE9,x\n");
    EXPECT_TRUE(error_of("a\n\"x\n\xFF\"\n").starts_with("line 3, column 1: not UTF-8"));
    EXPECT_TRUE(error_of("a\nb\xC3").starts_with("line 2, column 2: not UTF-8"));
}

TEST(Csv, ReadsLatin1OnRequest) {
    EXPECT_EQ(records_of("caf\xE9,\"\xFC\"", ',', CsvEncoding::kLatin1), (Records{{"caf\xC3\xA9", "\xC3\xBC"}}));
}

TEST(Csv, NamesTheLineARecordBeginsOn) {
    CsvReader csv = reader_of("a\n\"x\ny\"\nz\n");
    std::vector<std::string> record;
    for (const std::uint64_t line : {1U, 2U, 4U}) {
        ASSERT_TRUE(csv.next(record).value());
        EXPECT_EQ(csv.line_number(), line);
    }
}

/// The only event of a batch: "entity type payload".
std::string shown(BatchBuilder& batch) {
    std::string text;
    batch.content().for_each_event([&](const event::EventBytes& event) {
        text += std::string(event.entity()) + " " + std::string(event.type()) + " " + std::string(event.payload());
    });
    return text;
}

TEST(CsvEvents, MakesAPayloadOfTheOtherColumns) {
    const auto events = CsvEvents::create({"order", "total", "note"}, {.entity = "order", .type = "order.placed"});
    BatchBuilder batch;
    ASSERT_TRUE(events->add({"order:1", "42", "a \"b\""}, batch).ok());
    EXPECT_EQ(shown(batch), R"(order:1 order.placed {"total":"42","note":"a \"b\""})");
}

TEST(CsvEvents, InfersTypesOnRequestOnlyWhereNothingIsLost) {
    const auto events =
        CsvEvents::create({"e", "a", "b", "c", "d", "f"}, {.entity = "e", .type = "t", .infer_types = true});
    BatchBuilder batch;
    ASSERT_TRUE(events->add({"x", "1.50", "007", "true", "", "1e999"}, batch).ok());
    EXPECT_EQ(shown(batch), R"(x t {"a":1.50,"b":"007","c":true,"d":null,"f":"1e999"})");
}

TEST(CsvEvents, DerivesAnIdFromAnyText) {
    const auto events = CsvEvents::create({"e", "id"}, {.entity = "e", .type = "t", .id_column = "id"});
    BatchBuilder first;
    BatchBuilder second;
    ASSERT_TRUE(events->add({"x", "row 7"}, first).ok());
    ASSERT_TRUE(events->add({"x", "row 7"}, second).ok());
    EXPECT_EQ(first.content().events, second.content().events);
}

TEST(CsvEvents, RefusesWhatDoesNotFitTheHeader) {
    EXPECT_EQ(CsvEvents::create({"a", "a"}, {.entity = "a"}).error().message, "the column 'a' is there twice");
    EXPECT_EQ(CsvEvents::create({"a", "b"}, {.entity = "c"}).error().message, "there is no column 'c'; there are a, b");
    const auto events = CsvEvents::create({"e", "at"}, {.entity = "e", .type = "t", .time_column = "at"});
    BatchBuilder batch;
    EXPECT_EQ(events->add({"x"}, batch).error().message, "the record has 1 fields, the header has 2");
    EXPECT_EQ(events->add({"", "2026-01-01"}, batch).error().message, "the column 'e' is empty");
    EXPECT_FALSE(events->add({"x", "noon"}, batch).ok());
}

}  // namespace
}  // namespace chronos::app
