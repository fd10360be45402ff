// Stored text and JSON, as they may be shown to a model.
//
// Whoever wrote an event may have written it for the model that reads it. So what is stored goes through here: nothing
// that cannot be seen stays (controls, characters that turn the direction of text, characters without width), what is
// long is cut, and JSON stays JSON. It stands only under the member `untrusted` of an answer (answer.h).
//
// Use:
//     Shown shown({.string_bytes = 200});
//     row["payload"] = shown.json(event.payload);
//     if (shown.cut_count() > 0) …
//
// Threads: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/tool.h"

namespace chronos::mcp {

/// How much of one value is shown.
struct Caps {
    std::size_t string_bytes = 2'000;
    std::size_t element_count = 100;  ///< Of an array; of an object: members.
    /// Of all that is inside of one value, about; 0: four times string_bytes.
    std::size_t value_bytes = 0;
};

class Shown {
public:
    Shown() : Shown(Caps{}) {}
    explicit Shown(const Caps& caps) : caps_(caps) {
        constexpr std::size_t kStringsInValue = 4;
        if (caps_.value_bytes == 0) caps_.value_bytes = kStringsInValue * caps_.string_bytes;
    }

    /// "a<U+202E>b", and "the beginning…(+1200 bytes)" for what is longer than the cap.
    std::string text(std::string_view utf8);
    /// Numbers that a double cannot hold become strings of their digits. Text that is not JSON is shown as a string.
    Json json(std::string_view text);
    /// The same, written at the end of `out`.
    void append_json(std::string& out, std::string_view text);
    /// The values at these JSON pointers alone, each under its pointer; what is not there is left out.
    Json fields(std::string_view json, const std::vector<std::string>& pointers);

    /// Values that were cut.
    [[nodiscard]] std::uint64_t cut_count() const { return cut_count_; }

private:
    [[nodiscard]] bool is_as_it_is(std::string_view utf8) const;
    Json value(std::string_view text);
    void append_text(std::string& out, std::string_view utf8);
    void append_value(std::string& out, std::string_view text);
    void append_object(std::string& out, std::string_view text);
    void append_array(std::string& out, std::string_view text);

    Caps caps_;
    std::uint64_t cut_count_ = 0;
    std::size_t spent_ = 0;  ///< Bytes of the value that is being made.
};

/// `text` with everything written out that cannot be seen; the line ends and tabs stay.
std::string visible(std::string_view text);

}  // namespace chronos::mcp
