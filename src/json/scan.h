// Walking over JSON text that is known to be valid, without copying it: values are slices of the
// text.
//
// Use:
//     ObjectScanner fields(payload);
//     while (fields.next()) use(fields.raw_key(), fields.value());
//
// Everything here expects text that passed validate_json(). On other text the answers mean nothing,
// but nothing is read or written outside of it.
//
// Threads: free functions and values; views live as long as the text they were cut from.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chronos::json {

/// How deep validated values may be nested; deeper text is refused before anything walks it.
inline constexpr std::size_t kDepthMax = 64;

inline const char* skip_space(const char* at, const char* end) {
    if (at != end && static_cast<unsigned char>(*at) > ' ') return at;  // compact text
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    return at;
}

/// The text without the white space around it.
std::string_view trimmed(std::string_view text);

/// The closing quote of the string whose first byte is at `at`, or `end`.
const char* find_string_end(const char* at, const char* end);

/// One past the value that starts at `at`.
///
/// Cost: one look at each byte; no recursion.
const char* skip_value(const char* at, const char* end);

/// Whether objects and arrays are nested more than `depth_max` deep.
bool is_nested_deeper_than(std::string_view text, std::size_t depth_max);

/// A field as written: the key without its quotes, but still escaped.
struct RawField {
    std::string_view raw_key;
    std::string_view value;
};

/// Steps through the fields of an object.
class ObjectScanner {
public:
    explicit ObjectScanner(std::string_view object);

    /// Moves to the next field; false after the last one.
    bool next();

    /// The key as written: without its quotes, still escaped.
    std::string_view raw_key() const { return raw_key_; }
    std::string_view value() const { return value_; }

private:
    const char* at_;
    const char* end_;
    std::string_view raw_key_;
    std::string_view value_;
};

/// Steps through the elements of an array.
class ArrayScanner {
public:
    explicit ArrayScanner(std::string_view array);

    /// Moves to the next element; false after the last one.
    bool next();

    std::string_view value() const { return value_; }

private:
    const char* at_;
    const char* end_;
    std::string_view value_;
};

/// What is between the quotes of a string value, still escaped. Requires: `value` starts with '"'.
inline std::string_view string_body(std::string_view value) {
    return value.size() < 2 ? std::string_view() : value.substr(1, value.size() - 2);
}

/// Writes what `raw` stands for to `out` and returns one past it. Never longer than `raw`,
/// so `out` may be `raw.data()`.
char* unescape_to(std::string_view raw, char* out);

/// What the escaped `raw` stands for: `raw` itself when nothing is escaped, else a view of
/// `scratch`.
std::string_view unescaped(std::string_view raw, std::string& scratch);

}  // namespace chronos::json
