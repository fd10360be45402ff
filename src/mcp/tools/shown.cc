#include "mcp/tools/shown.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <compare>
#include <optional>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "json/number.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "mcp/json_rpc.h"

namespace chronos::mcp {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

/// Drawn as nothing, so that a reader and a model may see different texts. Source: Unicode 15,
/// Default_Ignorable_Code_Point without U+FE0F, which only asks for a coloured picture; and the interlinear and
/// language tags.
constexpr std::array<Range, 15> kInvisible{{{0x00AD, 0x00AD},
                                            {0x034F, 0x034F},
                                            {0x115F, 0x1160},
                                            {0x17B4, 0x17B5},
                                            {0x180B, 0x180F},
                                            {0x200B, 0x200F},
                                            {0x2028, 0x202F},
                                            {0x2060, 0x206F},
                                            {0x3164, 0x3164},
                                            {0xFE00, 0xFE0E},
                                            {0xFEFF, 0xFEFF},
                                            {0xFFA0, 0xFFA0},
                                            {0xFFF0, 0xFFFB},
                                            {0x1D173, 0x1D17A},
                                            {0xE0000, 0xE0FFF}}};

bool is_shown(char32_t character) {
    if (character == '\n' || character == '\t') return true;
    if (base::is_steering(character)) return false;
    return std::none_of(kInvisible.begin(), kInvisible.end(), [character](const Range& range) {
        return character >= range.first && character <= range.last;
    });
}

/// All of it can be seen: what most texts are, so that they are not looked at character by character.
bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
}

/// The names of an object's first members.
std::set<std::string> names_of(std::string_view object, std::size_t count) {
    json::ObjectScanner members(object);
    std::set<std::string> names;
    std::string scratch;
    for (std::size_t i = 0; i < count && members.next(); ++i)
        names.emplace(json::unescaped(members.raw_key(), scratch));
    return names;
}

/// The number, or its digits where the value would be another one.
void append_number(std::string& out, std::string_view text) {
    constexpr std::size_t kDigitsKept = 15;
    const bool is_short_integer = text.size() <= kDigitsKept && text != "-0" &&
                                  std::all_of(text.begin() + (text.front() == '-' ? 1 : 0), text.end(),
                                              [](char c) { return c >= '0' && c <= '9'; });
    if (is_short_integer) {
        out += text;
        return;
    }
    const Json value = Json::parse(text, nullptr, false);
    const bool is_kept = !value.is_discarded() && value.is_number() &&
                         json::compare_numbers(value.dump(), text) == std::strong_ordering::equal;
    if (is_kept)
        out += value.dump();
    else
        json::append_string(out, text);
}

}  // namespace

std::string visible(std::string_view text) {
    if (is_plain(text)) return std::string(text);
    std::string out;
    out.reserve(text.size());
    const char* end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
        const std::size_t size = base::utf8_sequence_size(at, end);
        const std::string_view character(at, std::max<std::size_t>(size, 1));
        if (size == 0)
            out += fmt::format("<0x{:02X}>", static_cast<unsigned>(static_cast<unsigned char>(*at)));
        else if (const char32_t code = base::utf8_code_point(character); !is_shown(code))
            out += fmt::format("<U+{:04X}>", static_cast<unsigned>(code));
        else
            out += character;
        at += character.size();
    }
    return out;
}

std::string Shown::text(std::string_view utf8) {
    if (is_as_it_is(utf8)) return std::string(utf8);
    if (utf8.size() <= caps_.string_bytes) return visible(utf8);
    ++cut_count_;
    const std::string_view begin = base::utf8_prefix(utf8, caps_.string_bytes);
    return visible(begin) + "…(+" + std::to_string(utf8.size() - begin.size()) + " bytes)";
}

bool Shown::is_as_it_is(std::string_view utf8) const { return utf8.size() <= caps_.string_bytes && is_plain(utf8); }

void Shown::append_text(std::string& out, std::string_view utf8) {
    if (is_as_it_is(utf8))
        json::append_string(out, utf8);
    else
        json::append_string(out, text(utf8));
}

Json Shown::json(std::string_view text) {
    std::string out;
    append_json(out, text);
    return Json::parse(out);
}

void Shown::append_json(std::string& out, std::string_view text) {
    if (!json::validate_json(text).ok()) return append_text(out, text);
    spent_ = 0;
    append_value(out, json::trimmed(text));
}

Json Shown::value(std::string_view text) {
    std::string out;
    spent_ = 0;
    append_value(out, text);
    return Json::parse(out);
}

void Shown::append_value(std::string& out, std::string_view text) {
    constexpr std::size_t kAround = 4;  // Quotes, a comma, a colon.
    const bool is_nested = text.starts_with('{') || text.starts_with('[');
    spent_ += kAround + (is_nested ? 0 : std::min(text.size(), caps_.string_bytes));
    if (text.starts_with('{')) return append_object(out, text);
    if (text.starts_with('[')) return append_array(out, text);
    if (text.starts_with('"')) {
        std::string scratch;
        return append_text(out, json::unescaped(json::string_body(text), scratch));
    }
    if (text == "true" || text == "false" || text == "null")
        out += text;
    else
        append_number(out, text);
}

void Shown::append_object(std::string& out, std::string_view text) {
    json::ObjectScanner members(text);
    std::optional<std::set<std::string>> names;  // As soon as one is not shown as it is: two must not look the same.
    std::size_t count = 0;
    std::size_t left_out = 0;
    std::string scratch;
    out += '{';
    const std::size_t begin = out.size();
    while (members.next()) {
        if (count >= caps_.element_count || spent_ >= caps_.value_bytes) {
            ++left_out;
            continue;
        }
        spent_ += members.raw_key().size();
        std::string_view name = json::unescaped(members.raw_key(), scratch);
        std::string changed;
        if (!is_as_it_is(name)) {
            if (!names) names = names_of(text, count);
            name = changed = this->text(name);
        }
        if (names && !names->insert(std::string(name)).second) {
            ++left_out;
            continue;
        }
        if (out.size() > begin) out += ',';
        json::append_string(out, name);
        out += ':';
        append_value(out, members.value());
        ++count;
    }
    if (left_out > 0) ++cut_count_;
    if (left_out > 0 && !(names && names->contains("…"))) {
        if (out.size() > begin) out += ',';
        out += "\"…\":\"+" + std::to_string(left_out) + " members\"";
    }
    out += '}';
}

void Shown::append_array(std::string& out, std::string_view text) {
    json::ArrayScanner elements(text);
    std::size_t count = 0;
    std::size_t left_out = 0;
    out += '[';
    while (elements.next()) {
        if (count >= caps_.element_count || spent_ >= caps_.value_bytes) {
            ++left_out;
            continue;
        }
        if (count++ > 0) out += ',';
        append_value(out, elements.value());
    }
    if (left_out > 0) {
        ++cut_count_;
        if (count > 0) out += ',';
        out += "\"…(+" + std::to_string(left_out) + " elements)\"";
    }
    out += ']';
}

Json Shown::fields(std::string_view json, const std::vector<std::string>& pointers) {
    Json out = Json::object();
    if (!json::validate_json(json).ok()) return out;
    for (const std::string& pointer : pointers) {
        const auto segments = json::parse_pointer(pointer);
        if (!segments.ok()) continue;
        if (const auto value = json::find_value(json::trimmed(json), *segments)) out[pointer] = this->value(*value);
    }
    return out;
}

}  // namespace chronos::mcp
