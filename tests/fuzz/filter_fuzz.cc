// Tests of payload fields: compiled and asked, alone, in a set and in a filter, they answer alike;
// and as another JSON library does where both know the numbers exactly.
//
//     input: operator 1 | JSON pointer \n operand \n payload
#include <algorithm>
#include <cctype>

#include "event/batch_content.h"
#include "fuzz/fuzz.h"
#include "json/pointer.h"
#include "json/validate.h"
#include "simulation/reference_store.h"
#include "store/filter.h"

namespace chronos::fuzz {
namespace {

constexpr const char* kOperators[] = {"=", "!=", "<", "<=", ">", ">=", "contains", "exists"};

struct Input {
    FieldTest test;
    std::string payload;
};

Input read_input(std::string_view text) {
    Input input;
    input.test.operation = kOperators[0];
    if (text.empty()) return input;
    input.test.operation = kOperators[static_cast<unsigned char>(text.front()) % std::size(kOperators)];
    text.remove_prefix(1);
    const auto line = [&] {
        const std::size_t size = std::min(text.find('\n'), text.size());
        std::string part(text.substr(0, size));
        text.remove_prefix(std::min(size + 1, text.size()));
        return part;
    };
    input.test.pointer = line();
    input.test.operand = line();
    input.payload = text;
    return input;
}

/// Whether numbers are so short that a double holds them exactly enough to be told apart.
bool has_short_numbers(std::string_view text) {
    std::size_t digits = 0;
    for (const char c : text) {
        const bool is_digit = std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.';
        if (digits > 0 && (c == 'e' || c == 'E')) return false;
        digits = is_digit ? digits + 1 : 0;
        if (digits > 15) return false;
    }
    return true;
}

/// The answer of another JSON library; nothing where the two differ on purpose.
std::optional<bool> reference(const Input& input) {
    if (!has_short_numbers(input.payload) || !has_short_numbers(input.test.operand)) return std::nullopt;
    try {
        return testing::holds(input.test, nlohmann::json::parse(input.payload));
    } catch (const nlohmann::json::exception&) {
        return std::nullopt;  // It takes an index that cannot be for a mistake.
    }
}

bool filter_matches(const Input& input) {
    BatchBuilder batch;
    batch.add({.entity_id = "e", .event_type = "t", .payload = input.payload, .unvalidated = true});
    const auto filter = store::CompiledFilter::compile({.event_types = {"t"}, .fields = {input.test}});
    FUZZ_CHECK(filter.ok(), "a filter refuses a test that was compiled alone");
    return filter->matches(event::EventBytes(batch.content().events.data()));
}

bool set_matches(std::vector<json::CompiledPredicate> predicates, std::string_view payload) {
    return json::PredicateSet::create(std::move(predicates)).value().matches(payload);
}

void check(const Input& input) {
    const auto operation = json::parse_operator(input.test.operation);
    const auto predicate = json::CompiledPredicate::compile(input.test.pointer, *operation, input.test.operand);
    if (!predicate.ok()) return;
    const bool found = predicate->matches(input.payload);
    const bool found_in_set = set_matches({*predicate}, input.payload);
    if (!json::validate_json(input.payload).ok()) {
        FUZZ_CHECK(!filter_matches(input), "a filter looks into what is no JSON");
        return;
    }
    FUZZ_CHECK(found_in_set == found, "a set of one answers otherwise");
    const auto whole = json::CompiledPredicate::compile("", json::Operator::kExists, "");
    FUZZ_CHECK(set_matches({*whole, *predicate, *predicate}, input.payload) == found, "a set answers otherwise");
    FUZZ_CHECK(filter_matches(input) == found, "a filter answers otherwise");
    std::string pointer;
    for (const json::PointerSegment& segment : predicate->segments())
        json::append_pointer_segment(pointer, segment.key);
    FUZZ_CHECK(pointer == input.test.pointer, "a pointer is written otherwise than it was read");
    if (const auto wanted = reference(input)) FUZZ_CHECK(*wanted == found, "another JSON library answers otherwise");
}

}  // namespace

Seeds seeds() {
    const auto seed = [](int operation, const std::string& rest) { return static_cast<char>(operation) + rest; };
    return {{"equal", seed(0, "/total\n42.0\n{\"total\":42}")},
            {"less", seed(2, "/a/1\n\"m\"\n{\"a\":[1,\"l\\u0041\"]}")},
            {"contains", seed(6, "/tags\n\"web\"\n{\"tags\":[\"web\",{}]}")},
            {"contains_text", seed(6, "\n\"a\\/b\"\n\"xa/b\"")},
            {"exists", seed(7, "/d~1e/f~0g\nnull\n{\"d/e\":{\"f~g\":null}}")},
            {"deep", seed(1, "/a\n{\"b\":[1,2,{\"c\":-0.5}]}\n{\"a\":{\"b\":[1,2.0,{\"c\":-5e-1}]}}")}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    chronos::fuzz::check(chronos::fuzz::read_input({reinterpret_cast<const char*>(data), size}));
    return 0;
}
