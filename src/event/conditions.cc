// The conditions section of a batch body. Format: docs/formats/log.md §4.
#include "base/result.h"
#include "event/batch_content.h"

namespace chronos::event {
namespace {

class Encoder {
public:
    explicit Encoder(std::vector<std::byte>& out, std::uint16_t kind) : out_(out), start_(out.size()) {
        number(std::uint32_t{0});  // size, known at the end
        number(kind);
        number(std::uint8_t{1});  // version
        number(std::uint8_t{1});  // must be understood
    }
    template <typename T>
    void number(T value) {
        const std::size_t at = out_.size();
        out_.resize(at + sizeof(T));
        base::store(out_.data() + at, value);
    }
    void raw(std::string_view text) {
        const auto bytes = base::as_bytes(text);
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    void text(std::string_view text) {
        number(static_cast<std::uint16_t>(text.size()));
        raw(text);
    }
    void finish() {
        out_.resize(start_ + base::round_up(out_.size() - start_, 8));
        base::store(out_.data() + start_, static_cast<std::uint32_t>(out_.size() - start_));
    }

private:
    std::vector<std::byte>& out_;
    std::size_t start_;
};

void encode_expected(std::vector<std::byte>& out, std::uint32_t event_index, const ExpectedVersion& expected,
                     std::string_view entity) {
    Encoder encoder(out, 1);
    encoder.number(event_index);
    encoder.number(static_cast<std::uint8_t>(expected.kind));
    encoder.number(std::uint8_t{0});
    encoder.number(static_cast<std::uint16_t>(entity.size()));
    encoder.number(expected.version.value);
    encoder.raw(entity);
    encoder.finish();
}

void encode_no_match(std::vector<std::byte>& out, const NoEventMatches& condition) {
    Encoder encoder(out, 2);
    const std::uint64_t after = condition.after ? condition.after->value : 0;
    encoder.number(condition.after ? (after == ~std::uint64_t{0} ? after : after + 1) : std::uint64_t{0});
    encoder.number(condition.query.all ? kMatchesAll : static_cast<std::uint32_t>(condition.query.items.size()));
    encoder.number(std::uint32_t{0});
    if (!condition.query.all) {
        for (const QueryItem& item : condition.query.items) {
            encoder.number(static_cast<std::uint16_t>(item.types.size()));
            encoder.number(static_cast<std::uint16_t>(item.tags.size()));
            for (const auto& type : item.types) encoder.text(type);
            for (const auto& tag : item.tags) encoder.text(tag);
        }
    }
    encoder.finish();
}

ExpectedVersion expected_of(std::uint8_t mode, std::uint64_t version) {
    switch (mode) {
        case 1: return ExpectedVersion::none();
        case 2: return ExpectedVersion::exists();
        default: return ExpectedVersion::exactly(version);
    }
}

/// The entities of a batch's events, for conditions that name an event.
std::vector<std::string_view> entities_of(const BodyView& body) {
    std::vector<std::string_view> entities;
    body.for_each_event([&](const EventBytes& event) { entities.push_back(event.entity()); });
    return entities;
}

std::string decode_text(base::ByteReader& reader) { return std::string(reader.text(reader.number<std::uint16_t>())); }

NoEventMatches decode_no_match(base::ByteReader& reader) {
    NoEventMatches condition;
    const auto after_plus_one = reader.number<std::uint64_t>();
    if (after_plus_one > 0) condition.after = Position{after_plus_one - 1};
    const auto item_count = reader.number<std::uint32_t>();
    reader.skip(sizeof(std::uint32_t));
    condition.query.all = item_count == kMatchesAll;
    for (std::uint32_t i = 0; !condition.query.all && i < item_count && reader.ok(); ++i) {
        QueryItem& item = condition.query.items.emplace_back();
        const auto type_count = reader.number<std::uint16_t>();
        const auto tag_count = reader.number<std::uint16_t>();
        for (std::uint16_t j = 0; j < type_count && reader.ok(); ++j) item.types.push_back(decode_text(reader));
        for (std::uint16_t j = 0; j < tag_count && reader.ok(); ++j) item.tags.push_back(decode_text(reader));
    }
    return condition;
}

}  // namespace

Result<std::vector<Condition>> decode_conditions(const BodyView& body) {
    std::vector<Condition> conditions;
    std::vector<std::string_view> entities;
    for (auto rest = body.conditions(); !rest.empty(); rest = rest.subspan(base::load<std::uint32_t>(rest.data()))) {
        base::ByteReader reader(rest.first(base::load<std::uint32_t>(rest.data())));
        reader.skip(sizeof(std::uint32_t));
        const auto kind = reader.number<std::uint16_t>();
        const auto version_of_part = reader.number<std::uint8_t>();
        reader.skip(1);
        if (kind < 1 || kind > 2 || version_of_part != 1) continue;  // `check_body` saw that it may be passed over.
        bool is_whole = true;
        if (kind == 1) {
            const auto event_index = reader.number<std::uint32_t>();
            const auto mode = reader.number<std::uint8_t>();
            reader.skip(1);
            const auto entity_size = reader.number<std::uint16_t>();
            const auto version = reader.number<std::uint64_t>();
            std::string_view entity = reader.text(entity_size);
            if (event_index != kNoEventIndex) {
                if (entities.empty()) entities = entities_of(body);
                is_whole = event_index < entities.size();
                entity = is_whole ? entities[event_index] : std::string_view();
            }
            conditions.emplace_back(EntityCondition{std::string(entity), expected_of(mode, version)});
        } else {
            conditions.emplace_back(decode_no_match(reader));
        }
        if (!reader.ok() || !is_whole) return base::fail(ErrorCode::kCorrupt, "a stored condition cannot be read");
    }
    return conditions;
}

static_assert(static_cast<int>(ExpectedVersion::Kind::kNone) == 1 &&
              static_cast<int>(ExpectedVersion::Kind::kExists) == 2 &&
              static_cast<int>(ExpectedVersion::Kind::kExactly) == 3);

EncodedConditions encode_conditions(const BatchBuilder::Content& content) {
    EncodedConditions encoded;
    for (const Condition& condition : content.conditions) {
        if (const auto* entity = std::get_if<EntityCondition>(&condition)) {
            if (entity->expected.kind == ExpectedVersion::Kind::kAny) continue;
            encode_expected(encoded.bytes, kNoEventIndex, entity->expected, entity->entity_id);
        } else {
            encode_no_match(encoded.bytes, std::get<NoEventMatches>(condition));
        }
        ++encoded.count;
    }
    for (const auto& condition : content.event_conditions) {
        encode_expected(encoded.bytes, condition.event_index, condition.expected, {});
        ++encoded.count;
    }
    return encoded;
}

}  // namespace chronos::event
