#include "app/json_text.h"

#include "json/scan.h"

namespace chronos::app {
namespace {

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
            out.append("\"").append(fields.raw_key()).append("\": ");
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
        out += value;
    }
}

}  // namespace

std::string pretty_json(std::string_view text) {
    std::string out;
    append_pretty(out, json::trimmed(text), 0);
    return out;
}

}  // namespace chronos::app
