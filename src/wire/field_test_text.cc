#include "wire/field_test_text.h"

#include <string>

#include "base/result.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::wire {
namespace {

Error wrong(std::string_view text, std::string_view what) {
    return base::fail(ErrorCode::kInvalidArgument, "'" + std::string(text) + "': " + std::string(what));
}

struct Word {
    std::string_view text;
    std::size_t begin = 0;
    std::size_t end = 0;
};

/// The next word at or after `from`; empty at the end.
Word next_word(std::string_view text, std::size_t from) {
    const std::size_t begin = text.find_first_not_of(" \t", from);
    if (begin == std::string_view::npos) return {{}, text.size(), text.size()};
    const std::size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    return {text.substr(begin, end - begin), begin, end};
}

/// The operand as JSON text.
Result<std::string> operand_json(std::string_view text, std::string_view operand) {
    if (json::validate_json(operand).ok()) return std::string(operand);
    if (operand.find_first_of("{[\"") == 0)
        return wrong(text, "the value " + std::string(operand) + " is not valid JSON");
    std::string quoted;
    json::append_string(quoted, operand);
    return quoted;
}

}  // namespace

Result<FieldTest> parse_field_test(std::string_view text) {
    constexpr std::string_view kExample =
        "write a JSON pointer, an operator and a value, as in '/total >= 100'; operators are = != < <= > >= contains "
        "exists";
    const Word first = next_word(text, 0);
    // Keys may hold spaces, so the operator is the first word that is one.
    for (Word word = next_word(text, first.end); !word.text.empty(); word = next_word(text, word.end)) {
        if (!json::parse_operator(word.text).ok()) continue;
        FieldTest test;
        test.pointer = std::string(json::trimmed(text.substr(0, word.begin)));
        test.operation = word.text == "==" ? "=" : std::string(word.text);
        if (Status pointer = json::parse_pointer(test.pointer).ok()
                                 ? Status()
                                 : wrong(text, "'" + test.pointer +
                                                   "' is no JSON pointer; it starts with '/', as "
                                                   "in '/customer/country'");
            !pointer.ok())
            return std::move(pointer).error();
        const std::string_view operand = json::trimmed(text.substr(word.end));
        if (test.operation == "exists") {
            if (!operand.empty()) return wrong(text, "exists takes no value");
            return test;
        }
        if (operand.empty()) return wrong(text, "the value is missing; write \"\" for the empty string");
        ASSIGN_OR_RETURN(test.operand, operand_json(text, operand));
        return test;
    }
    return wrong(text, kExample);
}

}  // namespace chronos::wire
