#include "app/name_text.h"

#include <fmt/core.h>

#include "base/checksum.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

void append_escaped(std::string& out, std::string_view bytes) {
    for (const char byte : bytes) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
}

/// Copies `bytes`, escaping what is not UTF-8 and what `is_unfit` says of a character at an offset.
template <typename IsUnfit>
std::string escaped_where(std::string_view bytes, const IsUnfit& is_unfit) {
    std::string out;
    out.reserve(bytes.size());
    const char* end = bytes.data() + bytes.size();
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = base::utf8_sequence_size(bytes.data() + at, end);
        const std::string_view character = bytes.substr(at, size == 0 ? 1 : size);
        if (size == 0 || is_unfit(character, at))
            append_escaped(out, character);
        else
            out += character;
        at += character.size();
    }
    return out;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
    return escaped_where(bytes, [](std::string_view, std::size_t) { return false; });
}

std::string valid_name(std::string_view bytes, std::size_t size_max) {
    std::string name = escaped_where(bytes, [&](std::string_view character, std::size_t at) {
        const bool at_edge = at == 0 || at + character.size() == bytes.size();
        return base::is_steering(base::utf8_code_point(character)) || (at_edge && character == " ");
    });
    if (name.size() <= size_max) return name;
    const std::string suffix = fmt::format("~{:016x}", base::xxh3_64(name, 0));
    return std::string(base::utf8_prefix(name, size_max - suffix.size())) + suffix;
}

}  // namespace chronos::app
