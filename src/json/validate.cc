#include "json/validate.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/byte_search.h"
#include "json/number.h"

namespace chronos::json {
namespace {

/// Up to so many keys are compared with each other as they come; more are sorted at the end of the
/// object.
constexpr std::size_t kPairwiseKeysMax = 32;

/// What keys_ may keep allocated between texts.
constexpr std::size_t kKeptKeysMax = 4096;

/// Recursion costs about 100 bytes of stack for each level.
constexpr std::size_t kDepthHardMax = 512;

constexpr std::size_t kTextSizeMax = 0xFFFF'FFFF;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::uint64_t load64(const char* at) {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

/// Mixes the size, the first and the last 8 bytes: cheap, and enough to tell most keys apart.
/// Bytes up to `readable_end` may be looked at, which spares short keys a branch for each size.
std::uint32_t tag_of(const char* data, std::size_t size, const char* readable_end) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    if (size >= 8) {
        first = load64(data);
        last = load64(data + size - 8);
    } else if (readable_end - data >= 8) {
        first = load64(data);
        if constexpr (std::endian::native == std::endian::little) {
            first &= (std::uint64_t{1} << size * 8) - 1;
        } else {
            first &= ~(~std::uint64_t{0} >> size * 8);
        }
    } else {
        std::memcpy(&first, data, size);
    }
    const std::uint64_t mixed = (first + size) * 0x9E37'79B9'7F4A'7C15 ^ last * 0xC2B2'AE3D'27D4'EB4F;
    return static_cast<std::uint32_t>((mixed * 0x1656'67B1'9E37'79F9) >> 32);
}

}  // namespace

Status validate_json(std::string_view text, const Limits& limits) {
    thread_local Validator validator;
    return validator.validate(text, limits);
}

bool is_object(std::string_view text) {
    const char* at = skip_space(text.data(), text.data() + text.size());
    return at != text.data() + text.size() && *at == '{';
}

Status Validator::validate(std::string_view text, const Limits& limits) {
    const char* at = start(text, 0, limits);
    if (at == nullptr) return std::move(error_);
    at = skip_space(at, end_);
    if (at == end_) return {};
    fail_at(at, "nothing may follow the value");
    return std::move(error_);
}

Result<std::size_t> Validator::validate_value(std::string_view text, std::size_t offset, const Limits& limits) {
    const char* at = start(text, offset, limits);
    if (at == nullptr) return std::move(error_);
    return offset_of(at);
}

/// Reads one value from `offset` on with everything reset.
const char* Validator::start(std::string_view text, std::size_t offset, const Limits& limits) {
    limits_ = limits;
    limits_.depth_max = std::min(limits.depth_max, kDepthHardMax);
    begin_ = text.data();
    end_ = begin_ + text.size();
    token_count_ = 0;
    outer_fields_.clear();
    if (text.size() > kTextSizeMax) return fail_limit(begin_, "bytes", kTextSizeMax);
    const char* at = read_value(begin_ + std::min(offset, text.size()), 0);
    release_large_buffers();
    return at;
}

void Validator::release_large_buffers() {
    keys_.clear();
    if (keys_.capacity() > kKeptKeysMax) keys_.shrink_to_fit();
    if (outer_fields_.capacity() > kKeptKeysMax && outer_fields_.size() < kKeptKeysMax / 2) {
        outer_fields_.shrink_to_fit();
    }
    unescaped_keys_.clear();
}

const char* Validator::read_value(const char* at, std::size_t depth) {
    at = skip_space(at, end_);
    if (at == end_) return fail_at(at, "the text ends where a value should be");
    if (++token_count_ > limits_.tokens_max) return fail_limit(at, "tokens", limits_.tokens_max);
    switch (*at) {
        case '"': return read_string(at + 1);
        case '{': return read_object(at, depth + 1);
        case '[': return read_array(at, depth + 1);
        case 't': return read_word(at, "true");
        case 'f': return read_word(at, "false");
        case 'n': return read_word(at, "null");
        default: return read_number(at);
    }
}

const char* Validator::read_object(const char* at, std::size_t depth) {
    if (depth > limits_.depth_max)
        return fail_limit(at, "levels of nesting", limits_.depth_max - limits_.envelope_depth);
    const std::size_t first_key = keys_.size();
    std::uint64_t seen = 0;  // one bit for each 6-bit prefix of a tag: no bit, no such key
    at = skip_space(at + 1, end_);
    if (at != end_ && *at == '}') return at + 1;
    for (;;) {
        if (at == end_ || *at != '"') return fail_at(at, "expected a key in quotes");
        const char* quote = at;
        at = read_string(quote + 1);
        if (at == nullptr) return nullptr;

        const std::string_view raw_key(quote + 1, static_cast<std::size_t>(at - quote) - 2);
        const Key key = make_key(raw_key);
        const std::size_t count = keys_.size() - first_key;
        if (count >= limits_.keys_per_object_max) {
            return fail_limit(quote, "keys in one object", limits_.keys_per_object_max);
        }
        const std::uint64_t bit = std::uint64_t{1} << (key.tag >> 26);
        if ((seen & bit) != 0 && count < kPairwiseKeysMax && is_known(key, first_key)) {
            return fail_duplicate(key);
        }
        seen |= bit;
        keys_.push_back(key);
        ++token_count_;

        at = skip_space(at, end_);
        if (at == end_ || *at != ':') return fail_at(at, "expected ':' after the key");
        const char* value = skip_space(at + 1, end_);
        at = read_value(value, depth);
        if (at == nullptr) return nullptr;
        if (depth == 1) outer_fields_.push_back({raw_key, {value, static_cast<std::size_t>(at - value)}});
        at = skip_space(at, end_);
        if (at == end_) return fail_at(at, "the text ends inside an object");
        if (*at == '}') break;
        if (*at != ',') return fail_at(at, "expected ',' or '}' after the value");
        at = skip_space(at + 1, end_);
    }
    if (keys_.size() - first_key > kPairwiseKeysMax) {
        const Key* duplicate = find_duplicate_by_sorting(first_key);
        if (duplicate != nullptr) return fail_duplicate(*duplicate);
    }
    keys_.resize(first_key);
    return at + 1;
}

const char* Validator::read_array(const char* at, std::size_t depth) {
    if (depth > limits_.depth_max)
        return fail_limit(at, "levels of nesting", limits_.depth_max - limits_.envelope_depth);
    at = skip_space(at + 1, end_);
    if (at != end_ && *at == ']') return at + 1;
    for (;;) {
        at = read_value(at, depth);
        if (at == nullptr) return nullptr;
        at = skip_space(at, end_);
        if (at == end_) return fail_at(at, "the text ends inside an array");
        if (*at == ']') return at + 1;
        if (*at != ',') return fail_at(at, "expected ',' or ']' after the element");
        ++at;
    }
}

const char* Validator::read_string(const char* at) {
    has_escape_ = false;
    for (;;) {
        at = find_special_in_string(at, begin_, end_);
        if (at == end_) return fail_at(at, "the text ends inside a string");
        if (*at == '"') return at + 1;
        if (*at == '\\') {
            has_escape_ = true;
            at = read_escape(at);
            if (at == nullptr) return nullptr;
            continue;
        }
        if (static_cast<unsigned char>(*at) < 0x20) {
            return fail_at(at, "a control character in a string must be escaped");
        }
        while (at != end_ && (*at & 0x80) != 0) {
            const std::size_t size = base::utf8_sequence_size(at, end_);
            if (size == 0) return fail_at(at, "the string is not well-formed UTF-8");
            at += size;
        }
    }
}

/// Reads one escape, or the two that stand for one code point beyond U+FFFF.
const char* Validator::read_escape(const char* at) {
    const auto read_hex4 = [this](const char* digits) {
        if (end_ - digits < 4) return -1;
        int value = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = digits[i];
            const char lower = static_cast<char>(c | 0x20);
            if (!is_digit(c) && (lower < 'a' || lower > 'f')) return -1;
            value = value * 16 + (is_digit(c) ? c - '0' : lower - 'a' + 10);
        }
        return value;
    };
    if (end_ - at < 2) return fail_at(at, "the text ends inside an escape");
    if (at[1] != 'u') {
        if (std::string_view("\"\\/bfnrt").find(at[1]) != std::string_view::npos) return at + 2;
        return fail_at(at, "unknown escape");
    }
    const int code = read_hex4(at + 2);
    if (code < 0) return fail_at(at, "\\u needs four hexadecimal digits");
    if (code < 0xD800 || code > 0xDFFF) return at + 6;
    const bool has_partner = code < 0xDC00 && end_ - at >= 12 && at[6] == '\\' && at[7] == 'u';
    const int partner = has_partner ? read_hex4(at + 8) : -1;
    if (partner < 0xDC00 || partner > 0xDFFF) return fail_at(at, "a lone surrogate is not text");
    return at + 12;
}

const char* Validator::read_number(const char* at) {
    const char* begin = at;
    const auto skip_digits = [this](const char* digits) {
        while (digits != end_ && is_digit(*digits)) ++digits;
        return digits;
    };
    if (*at == '-') ++at;
    if (at == end_ || !is_digit(*at)) return fail_at(begin, "expected a value");
    const char* integer = at;
    at = skip_digits(at);
    if (*integer == '0' && at - integer > 1) return fail_at(begin, "a number may not start with 0");
    const bool is_long = at - integer > 300;
    if (at != end_ && *at == '.') {
        const char* fraction = ++at;
        at = skip_digits(at);
        if (at == fraction) return fail_at(at, "expected a digit after the decimal point");
    }
    const bool has_exponent = at != end_ && (*at | 0x20) == 'e';
    if (has_exponent) {
        ++at;
        if (at != end_ && (*at == '+' || *at == '-')) ++at;
        const char* exponent = at;
        at = skip_digits(at);
        if (at == exponent) return fail_at(at, "expected a digit in the exponent");
    }
    if ((is_long || has_exponent) && overflows_double({begin, static_cast<std::size_t>(at - begin)})) {
        return fail_at(begin, "the number is too large for a double");
    }
    return at;
}

const char* Validator::read_word(const char* at, std::string_view word) {
    const auto left = static_cast<std::size_t>(end_ - at);
    if (left < word.size() || std::memcmp(at, word.data(), word.size()) != 0) {
        return fail_at(at, "expected a value");
    }
    return at + word.size();
}

/// Makes the record of the key that was read last.
Validator::Key Validator::make_key(std::string_view raw_key) {
    std::string_view text = raw_key;
    const char* readable_end = end_;
    if (has_escape_) {
        std::string scratch;
        text = unescaped_keys_.emplace_front(unescaped(text, scratch));
        readable_end = text.data() + text.size();
    }
    return {.data = text.data(),
            .size = static_cast<std::uint32_t>(text.size()),
            .tag = tag_of(text.data(), text.size(), readable_end),
            .offset = offset_of(raw_key.data()) - 1};
}

bool Validator::is_known(const Key& key, std::size_t first_key) const {
    for (std::size_t i = first_key; i < keys_.size(); ++i) {
        const Key& known = keys_[i];
        if (known.tag == key.tag && known.size == key.size && std::memcmp(known.data, key.data, key.size) == 0) {
            return true;
        }
    }
    return false;
}

/// Sorts the keys of the object that ends here. Never quadratic, whatever keys somebody makes up.
const Validator::Key* Validator::find_duplicate_by_sorting(std::size_t first_key) {
    const auto first = keys_.begin() + static_cast<std::ptrdiff_t>(first_key);
    std::sort(first, keys_.end(), [](const Key& left, const Key& right) {
        if (left.tag != right.tag) return left.tag < right.tag;
        if (left.size != right.size) return left.size < right.size;
        const int order = std::memcmp(left.data, right.data, left.size);
        return order != 0 ? order < 0 : left.offset < right.offset;
    });
    const auto found = std::adjacent_find(first, keys_.end(), [](const Key& left, const Key& right) {
        return left.tag == right.tag && left.size == right.size && std::memcmp(left.data, right.data, left.size) == 0;
    });
    return found == keys_.end() ? nullptr : &*(found + 1);
}

const char* Validator::fail_at(const char* at, std::string_view problem) {
    error_ = base::fail(ErrorCode::kInvalidArgument,
                        "not valid JSON at byte " + std::to_string(offset_of(at)) + ": " + std::string(problem));
    return nullptr;
}

const char* Validator::fail_limit(const char* at, std::string_view limit, std::size_t maximum) {
    error_ = base::fail(ErrorCode::kLimitExceeded, "JSON at byte " + std::to_string(offset_of(at)) + " has more than " +
                                                       std::to_string(maximum) + " " + std::string(limit));
    return nullptr;
}

const char* Validator::fail_duplicate(const Key& key) {
    error_ = base::fail(ErrorCode::kInvalidArgument, "not valid JSON at byte " + std::to_string(key.offset) +
                                                         ": the key \"" + base::shortened({key.data, key.size}) +
                                                         "\" is there twice");
    return nullptr;
}

}  // namespace chronos::json
