#include "app/json_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/utf8.h"
#include "json/scan.h"

namespace chronos::app {
namespace {

/// A string, quotes and escapes as they are: its raw characters are those that are in the value.
void append_escaped(std::string& out, std::string_view text) {
    const char* end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
        const std::size_t size = std::max<std::size_t>(base::utf8_sequence_size(at, end), 1);
        const std::string_view character(at, size);
        const char32_t code = base::utf8_code_point(character);
        if (base::is_steering(code))
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(code));
        else
            out += character;
        at += size;
    }
}

void append_pretty(std::string& out, std::string_view value, std::size_t depth) {
    const auto new_line = [&out](std::size_t levels) { out.append("\n").append(levels * 2, ' '); };
    bool first = true;
    const auto separate = [&] {
        if (!first) out += ',';
        first = false;
        new_line(depth + 1);
    };
    if (value.starts_with('{')) {
        out += '{';
        for (json::ObjectScanner fields(value); fields.next();) {
            separate();
            out += '"';
            append_escaped(out, fields.raw_key());
            out += "\": ";
            append_pretty(out, fields.value(), depth + 1);
        }
        if (!first) new_line(depth);
        out += '}';
    } else if (value.starts_with('[')) {
        out += '[';
        for (json::ArrayScanner elements(value); elements.next();) {
            separate();
            append_pretty(out, elements.value(), depth + 1);
        }
        if (!first) new_line(depth);
        out += ']';
    } else {
        append_escaped(out, value);
    }
}

}  // namespace

std::string pretty_json(std::string_view text) {
    std::string out;
    append_pretty(out, json::trimmed(text), 0);
    return out;
}

}  // namespace chronos::app
