#include "mcp/tools/shown.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <compare>
#include <utility>

#include "base/utf8.h"
#include "json/number.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/validate.h"
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

std::string unescaped_string(std::string_view value) {
    std::string scratch;
    return std::string(json::unescaped(json::string_body(value), scratch));
}

/// The number, or its digits where the value would be another one.
Json number(std::string_view text) {
    Json value = Json::parse(text, nullptr, false);
    if (value.is_discarded() || !value.is_number()) return std::string(text);
    if (json::compare_numbers(value.dump(), text) != std::strong_ordering::equal) return std::string(text);
    return value;
}

}  // namespace

std::string visible(std::string_view text) {
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
    if (utf8.size() <= caps_.string_bytes) return visible(utf8);
    ++cut_count_;
    const std::string_view begin = base::utf8_prefix(utf8, caps_.string_bytes);
    return visible(begin) + "…(+" + std::to_string(utf8.size() - begin.size()) + " bytes)";
}

Json Shown::json(std::string_view text) {
    if (!json::validate_json(text).ok()) return this->text(text);
    return value(json::trimmed(text));
}

Json Shown::value(std::string_view text) {
    spent_ = 0;
    return valid_json(text);
}

Json Shown::valid_json(std::string_view text) {
    constexpr std::size_t kAround = 4;  // Quotes, a comma, a colon.
    const bool is_nested = text.starts_with('{') || text.starts_with('[');
    spent_ += kAround + (is_nested ? 0 : std::min(text.size(), caps_.string_bytes));
    if (text.starts_with('{')) return object(text);
    if (text.starts_with('[')) return array(text);
    if (text.starts_with('"')) return this->text(unescaped_string(text));
    if (text == "true") return true;
    if (text == "false") return false;
    if (text == "null") return nullptr;
    return number(text);
}

Json Shown::object(std::string_view text) {
    constexpr std::size_t kMembersOften = 8;
    Json out = object_with_room(std::min(kMembersOften, caps_.element_count));
    json::ObjectScanner members(text);
    std::size_t left_out = 0;
    std::string scratch;
    while (members.next()) {
        if (out.size() >= caps_.element_count || spent_ >= caps_.value_bytes) {
            ++left_out;
            continue;
        }
        spent_ += members.raw_key().size();
        out[this->text(json::unescaped(members.raw_key(), scratch))] = valid_json(members.value());
    }
    if (left_out > 0) {
        ++cut_count_;
        out["…"] = "+" + std::to_string(left_out) + " members";
    }
    return out;
}

Json Shown::array(std::string_view text) {
    Json out = Json::array();
    json::ArrayScanner elements(text);
    std::size_t left_out = 0;
    while (elements.next()) {
        if (out.size() >= caps_.element_count || spent_ >= caps_.value_bytes)
            ++left_out;
        else
            out.push_back(valid_json(elements.value()));
    }
    if (left_out > 0) {
        ++cut_count_;
        out.push_back("…(+" + std::to_string(left_out) + " elements)");
    }
    return out;
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
