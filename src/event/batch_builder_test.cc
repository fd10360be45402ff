#include <gtest/gtest.h>

#include <string>

#include "event/batch_content.h"
#include "event/body.h"

namespace chronos::event {
namespace {

const Uuid kId = *Uuid::parse("00000000-0000-4000-8000-000000000001");

/// A body around what a builder holds, as the store writes it.
std::vector<std::byte> body_of(BatchBuilder& builder, std::uint32_t section_count = 1) {
    auto& content = builder.content();
    const EncodedConditions conditions = encode_conditions(content);
    BodyHeader header;
    header.event_count = content.event_count;
    header.recorded_at = 77;
    header.batch_id = batch_id_of(kId);
    header.section_count = section_count;
    header.condition_count = conditions.count;
    header.conditions_size = static_cast<std::uint32_t>(conditions.bytes.size());
    header.events_size = content.events.size();
    std::vector<std::byte> body(sizeof(header));
    base::store(body.data(), header);
    body.resize(body.size() + kSectionSize * (section_count - 1));
    body.insert(body.end(), conditions.bytes.begin(), conditions.bytes.end());
    const std::size_t events_at = body.size();
    body.insert(body.end(), content.events.begin(), content.events.end());
    for (std::size_t at = events_at; at < body.size(); at += base::load<std::uint32_t>(body.data() + at))
        base::store(body.data() + at + offsetof(EventHeader, body_distance), static_cast<std::uint32_t>(at / 8));
    return body;
}

BatchBuilder full_builder() {
    BatchBuilder builder;
    const std::string_view tags[] = {"b", "a", "b"};
    builder.add({.entity_id = "order:1",
                 .event_type = "order.placed",
                 .payload = "{\"x\":1}",
                 .metadata = "{}",
                 .tags = tags,
                 .id = kId,
                 .occurred_at = Timestamp{5},
                 .expected_version = ExpectedVersion::none()});
    builder.add({.entity_id = "order:2", .event_type = "t", .unvalidated = true});
    builder.add_condition(EntityCondition{"order:3", ExpectedVersion::exactly(4)});
    builder.add_condition(EntityCondition{"order:3", ExpectedVersion::any()});
    Query query;
    query.items.push_back({.types = {"t"}, .tags = {"a"}});
    builder.add_condition(NoEventMatches{query, Position{3}});
    builder.add_condition(NoEventMatches{Query{.items = {}, .all = true}, std::nullopt});
    return builder;
}

TEST(BatchBuilder, EncodesEventsThatReadBackAsTheyWere) {
    BatchBuilder builder = full_builder();
    const auto bytes = body_of(builder);
    ASSERT_TRUE(check_body(bytes).ok()) << check_body(bytes).error().message;
    const BodyView body(bytes.data());
    EXPECT_EQ(body.header().condition_count, 4U);
    std::vector<EventBytes> events;
    body.for_each_event([&](const EventBytes& event) { events.push_back(event); });
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].entity(), "order:1");
    EXPECT_EQ(events[0].type(), "order.placed");
    EXPECT_EQ(events[0].payload(), "{\"x\":1}");
    EXPECT_EQ(events[0].metadata(), "{}");
    EXPECT_EQ(events[0].id(), kId);
    EXPECT_EQ(events[0].occurred_at(), 5);
    EXPECT_EQ(events[0].encoded_tags(), std::string_view("\1\0a\1\0b", 6));
    EXPECT_EQ(events[1].id(), derived_event_id(batch_id_of(kId), 1));
    EXPECT_EQ(events[1].occurred_at(), 77);
    EXPECT_EQ(events[1].body(), bytes.data());
    EXPECT_TRUE(events[1].has(kUnvalidated));
}

TEST(BatchBuilder, StartsAfreshAfterClear) {
    BatchBuilder builder = full_builder();
    builder.set_batch_id(kId);
    builder.reserve(1000);
    builder.clear();
    EXPECT_EQ(builder.event_count(), 0U);
    EXPECT_FALSE(builder.content().batch_id.has_value());
    EXPECT_TRUE(builder.content().conditions.empty());
}

TEST(BatchBuilder, RemembersTheFirstFieldThatIsTooLong) {
    const std::string long_text(2 << 20, 'x');
    const std::string_view text(long_text);
    const std::string_view long_tag[] = {text.substr(0, 257)};
    const std::vector<std::string_view> many_tags(65, "t");
    for (const BatchBuilder::EventRef& event : std::initializer_list<BatchBuilder::EventRef>{
             {.entity_id = "e", .event_type = text.substr(0, 257)},
             {.entity_id = text.substr(0, 513), .event_type = "t"},
             {.entity_id = "e", .event_type = "t", .payload = text},
             {.entity_id = "e", .event_type = "t", .metadata = text.substr(0, 65'537)},
             {.entity_id = "e", .event_type = "t", .tags = long_tag},
             {.entity_id = "e", .event_type = "t", .tags = many_tags}}) {
        BatchBuilder builder;
        builder.add(event);
        builder.add({.entity_id = "e", .event_type = "t"});
        const Status checked = check_content(builder.content(), false);
        ASSERT_FALSE(checked.ok());
        EXPECT_EQ(checked.error().code, ErrorCode::kLimitExceeded) << checked.error().message;
        EXPECT_EQ(builder.event_count(), 0U);
    }
}

TEST(CheckBody, RefusesEveryWrongSizeAndFlag) {
    BatchBuilder builder = full_builder();
    const auto good = body_of(builder);
    const std::size_t events_at = good.size() - builder.content().events.size();
    const auto expect_refused = [&](std::size_t at, auto value, ErrorCode code) {
        auto bytes = good;
        base::store(bytes.data() + at, value);
        const Status checked = check_body(bytes);
        ASSERT_FALSE(checked.ok()) << at;
        EXPECT_EQ(checked.error().code, code) << at << ": " << checked.error().message;
    };
    expect_refused(0, std::uint16_t{2}, ErrorCode::kUnsupported);
    expect_refused(2, std::uint16_t{88}, ErrorCode::kUnsupported);
    expect_refused(4, std::uint32_t{1}, ErrorCode::kUnsupported);
    expect_refused(12, std::uint32_t{1}, ErrorCode::kCorrupt);
    expect_refused(12, std::uint32_t{3}, ErrorCode::kCorrupt);
    expect_refused(52, std::uint32_t{0}, ErrorCode::kCorrupt);
    expect_refused(52, std::uint32_t{9}, ErrorCode::kUnsupported);
    expect_refused(56, std::uint32_t{8}, ErrorCode::kCorrupt);
    expect_refused(88, ~std::uint64_t{0}, ErrorCode::kCorrupt);
    expect_refused(events_at, std::uint32_t{7}, ErrorCode::kCorrupt);
    expect_refused(events_at, std::uint32_t{8}, ErrorCode::kCorrupt);
    expect_refused(events_at, ~std::uint32_t{7}, ErrorCode::kCorrupt);
    expect_refused(events_at + 4, std::uint16_t{16}, ErrorCode::kUnsupported);
    expect_refused(events_at + 10, std::uint16_t{3}, ErrorCode::kCorrupt);
    expect_refused(events_at + 10, std::uint16_t{1}, ErrorCode::kCorrupt);
    expect_refused(events_at + 20, std::uint32_t{0}, ErrorCode::kCorrupt);
    expect_refused(events_at + 24, std::uint32_t{5}, ErrorCode::kCorrupt);
    expect_refused(events_at + 28, std::uint32_t{100}, ErrorCode::kCorrupt);
    expect_refused(good.size() - 1, std::byte{1}, ErrorCode::kCorrupt);
    for (const std::size_t size : {std::size_t{0}, std::size_t{95}, good.size() - 8})
        EXPECT_FALSE(check_body(std::span(good).first(size)).ok());
}

TEST(CheckBody, RefusesFurtherSectionsAndPartsItMustUnderstand) {
    BatchBuilder builder = full_builder();
    EXPECT_EQ(check_body(body_of(builder, 2)).error().code, ErrorCode::kUnsupported);
    auto bytes = body_of(builder);
    base::store(bytes.data() + kBodyHeaderSize + 4, std::uint16_t{9});
    EXPECT_EQ(check_body(bytes).error().code, ErrorCode::kUnsupported);
    base::store(bytes.data() + kBodyHeaderSize + 7, std::uint8_t{0});
    EXPECT_TRUE(check_body(bytes).ok());
    base::store(bytes.data() + kBodyHeaderSize, std::uint32_t{4});
    EXPECT_EQ(check_body(bytes).error().code, ErrorCode::kCorrupt);
}

TEST(EncodeConditions, KeepsThePositionBeyondEveryHead) {
    BatchBuilder builder;
    builder.add_condition(NoEventMatches{Query{.items = {}, .all = true}, Position{~std::uint64_t{0}}});
    const EncodedConditions encoded = encode_conditions(builder.content());
    EXPECT_EQ(base::load<std::uint64_t>(encoded.bytes.data() + 8), ~std::uint64_t{0});
}

TEST(Matches, WantsOneOfTheTypesAndAllTags) {
    BatchBuilder builder = full_builder();
    const EventBytes event(builder.content().events.data());
    const auto single = [](QueryItem item) { return Query{.items = {std::move(item)}, .all = false}; };
    EXPECT_TRUE(matches(Query{.items = {}, .all = true}, event));
    EXPECT_TRUE(matches(single({.types = {"x", "order.placed"}, .tags = {"a", "b"}}), event));
    EXPECT_FALSE(matches(single({.types = {"x"}, .tags = {}}), event));
    EXPECT_FALSE(matches(single({.types = {}, .tags = {"a", "c"}}), event));
    EXPECT_FALSE(matches(Query{}, event));
}

TEST(CheckQuery, RefusesWhatMeansNothing) {
    const auto code = [](const Query& query) { return check_query(query).error().code; };
    EXPECT_EQ(code({}), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.items = {{}}, .all = false}), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.items = {{.types = {"t"}, .tags = {}}}, .all = true}), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.items = {{.types = {""}, .tags = {}}}, .all = false}), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.items = {{.types = {}, .tags = {std::string(257, 'x')}}}, .all = false}),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(code({.items = std::vector<QueryItem>(101, {.types = {"t"}, .tags = {}}), .all = false}),
              ErrorCode::kLimitExceeded);
    EXPECT_EQ(code({.items = {{.types = std::vector<std::string>(101, "t"), .tags = {}}}, .all = false}),
              ErrorCode::kLimitExceeded);
    EXPECT_TRUE(check_query({.items = {}, .all = true}).ok());
}

TEST(CheckContent, NamesTheRule) {
    const auto check = [](std::string_view entity, std::string_view type, std::string_view tag = "x") {
        BatchBuilder builder;
        const std::string_view tags[] = {tag};
        builder.add({.entity_id = entity, .event_type = type, .tags = tags});
        const Status status = check_content(builder.content(), false);
        return status.ok() ? std::string("ok") : status.error().message;
    };
    EXPECT_EQ(check("é€😀", "größe.é€"), "ok");
    EXPECT_EQ(check("", "t"), "entity_id is missing");
    EXPECT_EQ(check("e", ""), "event_type is missing");
    EXPECT_EQ(check("e ", "t"), "entity_id 'e ' starts or ends with a space");
    EXPECT_EQ(check("e\x01", "t"), "entity_id 'e?' has a control character");
    EXPECT_EQ(check("e", "a b"), "event_type 'a b' has white space");
    EXPECT_EQ(check("e", "a\xC2\xA0z"), "event_type 'a\xC2\xA0z' has white space");
    EXPECT_EQ(check("e", "$x"), "event_type '$x' starts with '$', which is the system's");
    EXPECT_EQ(check("e", "t", ""), "tag '' is empty");
    EXPECT_EQ(check("e", "t", "\x7F"), "tag '?' has a control character");
    for (const char* invalid : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                "\xF0\x80\x80\x80", "\xE2\x82", "\xFF", "\xC3"})
        EXPECT_NE(check(std::string("e") + invalid + "e", "t").find("is not valid UTF-8"), std::string::npos);
}

TEST(CheckContent, NamesTheEventWhereThereAreSeveral) {
    const auto check = [](std::initializer_list<std::string_view> types) {
        BatchBuilder builder;
        for (const std::string_view type : types) builder.add({.entity_id = "e", .event_type = type});
        return check_content(builder.content(), false).error().message;
    };
    const std::string long_type(kTypeSizeMax + 1, 't');
    EXPECT_EQ(check({"a b"}), "event_type 'a b' has white space");
    EXPECT_EQ(check({"t", "a b"}), "event 1: event_type 'a b' has white space");
    EXPECT_EQ(check({long_type}), "event_type has 257 bytes, the limit is 256");
    EXPECT_EQ(check({long_type, "t"}), "event 0: event_type has 257 bytes, the limit is 256");
    EXPECT_EQ(check({"t", long_type}), "event 1: event_type has 257 bytes, the limit is 256");
}

TEST(CheckContent, ShowsNamesWithoutHarmAndCutsThemBetweenCharacters) {
    BatchBuilder builder;
    builder.add({.entity_id = "e", .event_type = "\xE2\x80\xAE" + std::string(35, 'x') + "\xC3\xA9\xC3\xA9 y"});
    EXPECT_EQ(check_content(builder.content(), false).error().message,
              "event_type '?" + std::string(35, 'x') + "\xC3\xA9...' has white space");
}

TEST(CheckContent, BoundsBatchesAndConditions) {
    BatchBuilder empty;
    EXPECT_EQ(check_content(empty.content(), false).error().code, ErrorCode::kInvalidArgument);
    empty.add_condition(EntityCondition{"", ExpectedVersion::none()});
    EXPECT_EQ(check_content(empty.content(), false).error().code, ErrorCode::kInvalidArgument);
    empty.clear();
    empty.add_condition(NoEventMatches{});
    EXPECT_EQ(check_content(empty.content(), false).error().code, ErrorCode::kInvalidArgument);
    for (int i = 0; i < 1001; ++i) empty.add_condition(EntityCondition{"e", ExpectedVersion::none()});
    EXPECT_EQ(check_content(empty.content(), false).error().code, ErrorCode::kLimitExceeded);

    BatchBuilder many;
    for (std::size_t i = 0; i <= kBatchEventsMax; ++i) many.add({.entity_id = "e", .event_type = "t"});
    EXPECT_EQ(check_content(many.content(), false).error().code, ErrorCode::kLimitExceeded);
    BatchBuilder large;
    const std::string payload(kPayloadSizeMax, ' ');
    for (std::size_t i = 0; i <= kBatchBytesMax / kPayloadSizeMax; ++i)
        large.add({.entity_id = "e", .event_type = "t", .payload = payload});
    EXPECT_EQ(check_content(large.content(), false).error().code, ErrorCode::kLimitExceeded);
    BatchBuilder system;
    system.add({.entity_id = "$store", .event_type = "$made"});
    EXPECT_TRUE(check_content(system.content(), true).ok());
}

TEST(EventView, CopiesWhatItShows) {
    EventView view;
    view.event_type = "t";
    view.entity_id = "e";
    view.payload = "{}";
    view.metadata = "{\"a\":1}";
    view.encoded_tags = std::string_view("\1\0a\2\0bc", 7);
    view.tag_count = 2;
    const Event event = copy(view);
    EXPECT_EQ(event.tags, (std::vector<std::string>{"a", "bc"}));
    EXPECT_EQ(event.metadata, view.metadata);
}

TEST(CheckContent, FindsAWrongByteAnywhereInAName) {
    for (const char wrong : {'\x1F', '\x7F', '\x80', '\xFF', '\0', ' '}) {
        for (std::size_t at = 0; at < 27; ++at) {
            std::string type(27, at % 2 == 0 ? '!' : '~');
            type[at] = wrong;
            BatchBuilder batch;
            batch.add({.entity_id = "e", .event_type = type, .payload = "1"});
            EXPECT_FALSE(event::check_content(batch.content(), false).ok()) << type;
        }
    }
    BatchBuilder batch;
    batch.add({.entity_id = "names of \xC3\xA4ny l\xC3\xA4ngth ~!", .event_type = "!~!~!~!~!~!~!~!~", .payload = "1"});
    EXPECT_TRUE(event::check_content(batch.content(), false).ok());
}

}  // namespace
}  // namespace chronos::event
