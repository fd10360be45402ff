// The body of a batch: any bytes are refused, or every accessor of every event stays inside them.
//
//     input: flags 1 (bit 0: sizes, places and ordinals are made to fit) | the body
#include <algorithm>
#include <vector>

#include "event/batch_content.h"
#include "event/body.h"
#include "fuzz/fuzz.h"

namespace chronos::fuzz {
namespace {

constexpr std::byte kRepair{1};

/// The size that the parts of an event add up to, if they fit into `rest`.
std::uint64_t size_of_parts(std::span<const std::byte> rest) {
    const auto header = base::load<event::EventHeader>(rest.data());
    const std::uint64_t fixed = event::kEventHeaderSize + ((header.flags & event::kExplicitId) != 0 ? 16U : 0U) +
                                ((header.flags & event::kOccurredAt) != 0 ? 8U : 0U);
    return base::round_up(fixed + header.type_size + header.entity_size + header.tags_size + header.reserved_size +
                              std::uint64_t{header.metadata_size} + header.payload_size,
                          8);
}

/// Makes what is derived agree with the rest, so that mutations get behind the checks of it.
void repair(std::vector<std::byte>& body) {
    body.resize(body.size() / 8 * 8);
    if (body.size() < event::kBodyHeaderSize) return;
    auto header = base::load<event::BodyHeader>(body.data());
    header.version = event::kBodyVersion;
    header.header_size = event::kBodyHeaderSize;
    header.section_count = 1;
    std::uint64_t offset = event::kBodyHeaderSize + std::uint64_t{header.conditions_size} + header.extensions_size;
    if (offset <= body.size()) header.events_size = body.size() - offset;
    std::uint32_t ordinal = 0;
    while (offset + event::kEventHeaderSize <= body.size()) {
        std::byte* const at = body.data() + offset;
        const std::uint64_t size = size_of_parts(std::span(body).subspan(offset));
        if (size > body.size() - offset) break;
        base::store(at + offsetof(event::EventHeader, size), static_cast<std::uint32_t>(size));
        base::store(at + offsetof(event::EventHeader, body_distance), static_cast<std::uint32_t>(offset / 8));
        base::store(at + offsetof(event::EventHeader, ordinal), ordinal++);
        offset += size;
    }
    header.event_count = ordinal;
    base::store(body.data(), header);
}

void check_inside(std::span<const std::byte> body, std::string_view part) {
    const auto* begin = reinterpret_cast<const char*>(body.data());
    FUZZ_CHECK(part.data() >= begin && part.data() + part.size() <= begin + body.size(),
               "a part is outside of the body");
}

void check_event(std::span<const std::byte> body, const event::EventBytes& event, std::uint32_t ordinal) {
    for (const std::string_view part :
         {event.type(), event.entity(), event.encoded_tags(), event.metadata(), event.payload()})
        check_inside(body, part);
    FUZZ_CHECK(event.body() == body.data(), "an event does not find its batch");
    FUZZ_CHECK(event.header().ordinal == ordinal, "ordinals have a gap");
    if (!event.has(event::kExplicitId))
        FUZZ_CHECK(event::ordinal_of(event.id()) == (ordinal & 0xFFFFFF), "a derived id has another ordinal");
    if (!event.sent_occurred_at())
        FUZZ_CHECK(event.occurred_at() == event::BodyView(body.data()).header().recorded_at, "another time");
    QueryItem item{.types = {std::string(event.type())}, .tags = {}};
    std::size_t tag_count = 0;
    event::for_each_tag(event.encoded_tags(), [&](std::string_view tag) {
        check_inside(body, tag);
        item.tags.emplace_back(tag);
        ++tag_count;
    });
    FUZZ_CHECK(tag_count == event.header().tag_count, "another number of tags");
    FUZZ_CHECK(event::matches({.items = {item}}, event), "an event does not match its own type and tags");
}

std::string body_of(BatchBuilder builder) {
    const BatchBuilder::Content& content = builder.content();
    const event::EncodedConditions conditions = event::encode_conditions(content);
    event::BodyHeader header;
    header.event_count = content.event_count;
    header.conditions_size = static_cast<std::uint32_t>(conditions.bytes.size());
    header.condition_count = conditions.count;
    header.events_size = content.events.size();
    return bytes_of(header) + std::string(base::as_text(conditions.bytes)) + std::string(base::as_text(content.events));
}

}  // namespace

Seeds seeds() {
    const std::vector<std::string_view> tags{"customer:7", "web"};
    BatchBuilder plain;
    plain.add({.entity_id = "order:1", .event_type = "order.placed", .payload = R"({"total":42})"});
    BatchBuilder full;
    full.add({.entity_id = "order:1",
              .event_type = "order.placed",
              .payload = R"({"total":42})",
              .metadata = R"({"actor":"ada"})",
              .tags = tags,
              .id = Uuid{},
              .occurred_at = Timestamp{7}});
    full.add({.entity_id = "order:2", .event_type = "order.paid", .payload = "no JSON", .unvalidated = true});
    full.add_condition(EntityCondition{"order:1", ExpectedVersion::none()});
    full.add_condition(NoEventMatches{{.items = {{.types = {"order.paid"}, .tags = {"web"}}}}, Position{3}});
    return {{"plain", '\1' + body_of(std::move(plain))}, {"full", '\1' + body_of(std::move(full))}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronos;
    const auto input = fuzz::input_bytes(data, size);
    if (input.empty()) return 0;
    std::vector<std::byte> bytes(input.begin() + 1, input.end());
    if ((input[0] & fuzz::kRepair) != std::byte{0}) fuzz::repair(bytes);
    bytes.shrink_to_fit();
    if (!event::check_body(bytes).ok()) return 0;
    const event::BodyView body(bytes.data());
    fuzz::check_inside(bytes, base::as_text(body.conditions()));
    std::uint32_t ordinal = 0;
    body.for_each_event([&](const event::EventBytes& event) { fuzz::check_event(bytes, event, ordinal++); });
    FUZZ_CHECK(ordinal == body.header().event_count, "another number of events");
    return 0;
}
