// The gate: whether text is JSON that Chronos keeps. What passed here is walked without checks
// (scan.h).
//
// Use:
//     RETURN_IF_ERROR(json::validate_json(payload));
//
// RFC 8259 in full, and stricter where two readers could disagree: well-formed UTF-8 without lone
// surrogates, no key twice in an object (after unescaping), no number beyond a finite double.
// Integers of any length within that are fine; they are kept as text.
//
// The text is read in place: no padding is needed, nothing is copied.
//
// Threads: validate_json() may be called from any; a Validator belongs to one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"
#include "json/scan.h"

namespace chronos::json {

/// Bounds on one text.
struct Limits {
    std::size_t depth_max = kDepthMax;  ///< Objects and arrays around a value; 512 at most.
    std::size_t keys_per_object_max = 1024;
    std::size_t tokens_max = 100'000;  ///< Keys and values together.
    /// Levels of `depth_max` that are around what the writer of the text thinks of as the value;
    /// messages leave them out.
    std::size_t envelope_depth = 0;
};

/// Checks that `text` is exactly one JSON value within `limits`.
///
/// Errors: kInvalidArgument — not JSON, or not strict; kLimitExceeded. Both name the byte offset.
Status validate_json(std::string_view text, const Limits& limits = {});

/// Whether the value is an object. Requires: `text` passed validate_json().
bool is_object(std::string_view text);

/// Checks text after text with the same memory.
class Validator {
public:
    /// Checks that `text` is exactly one JSON value within `limits`.
    Status validate(std::string_view text, const Limits& limits = {});

    /// Checks the one value at `offset`, white space before it allowed; answers the offset behind
    /// it.
    Result<std::size_t> validate_value(std::string_view text, std::size_t offset, const Limits& limits = {});

    /// The fields of the value checked last, as slices of its text, if it was an object; else
    /// nothing. They come for free: no second walk is needed. Valid until the next check.
    const std::vector<RawField>& outer_fields() const { return outer_fields_; }

private:
    struct Key {
        const char* data;
        std::uint32_t size;
        std::uint32_t tag;  ///< Equal for equal keys.
        std::size_t offset;
    };

    const char* start(std::string_view text, std::size_t offset, const Limits& limits);

    // Each reads from `at`, returns one past what it read, or nullptr with error_ set.
    const char* read_value(const char* at, std::size_t depth);
    const char* read_object(const char* at, std::size_t depth);
    const char* read_array(const char* at, std::size_t depth);
    const char* read_string(const char* at);
    const char* read_escape(const char* at);
    const char* read_number(const char* at);
    const char* read_word(const char* at, std::string_view word);

    Key make_key(std::string_view raw_key);
    bool is_known(const Key& key, std::size_t first_key) const;
    const Key* find_duplicate_by_sorting(std::size_t first_key);
    void release_large_buffers();

    const char* fail_at(const char* at, std::string_view problem);
    const char* fail_limit(const char* at, std::string_view limit, std::size_t maximum);
    const char* fail_duplicate(const Key& key);
    std::size_t offset_of(const char* at) const { return static_cast<std::size_t>(at - begin_); }

    Limits limits_;
    const char* begin_ = nullptr;
    const char* end_ = nullptr;
    std::size_t token_count_ = 0;
    bool has_escape_ = false;                        ///< Set by read_string().
    std::vector<Key> keys_;                          ///< Of all open objects, innermost last.
    std::forward_list<std::string> unescaped_keys_;  ///< Storage of the few keys with escapes.
    std::vector<RawField> outer_fields_;
    Error error_;
};

}  // namespace chronos::json
