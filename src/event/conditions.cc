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

}  // namespace

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
