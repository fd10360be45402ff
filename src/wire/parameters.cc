#include "wire/parameters.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/validate.h"
#include "wire/similar_words.h"

namespace chronos::wire {
namespace {

constexpr std::size_t kParametersMax = 1'000;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// A JSON value as a parameter.
std::string text_of(std::string_view value) {
    if (!value.starts_with('"')) return std::string(value);
    std::string scratch;
    return std::string(json::unescaped(json::string_body(value), scratch));
}

bool is_scalar(std::string_view value) { return !value.starts_with('{') && !value.starts_with('['); }

bool is_array_of_scalars(std::string_view array) {
    json::ArrayScanner elements(array);
    while (elements.next()) {
        if (!is_scalar(elements.value())) return false;
    }
    return true;
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
            if (low < 0) return wrong("'" + base::shortened(text) + "' has a % that no two hexadecimal digits follow");
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    if (out.find('\0') != std::string::npos) return wrong("a parameter has a NUL character");
    if (!base::is_utf8(out)) return wrong("'" + base::shortened(text) + "' is not UTF-8");
    return out;
}

std::string without_parameter(std::string_view query, std::string_view name) {
    std::string out;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        const Result<std::string> decoded = percent_decoded(part.substr(0, part.find('=')), true);
        if (part.empty() || (decoded.ok() && *decoded == name)) continue;
        if (!out.empty()) out += '&';
        out += part;
    }
    return out;
}

Result<Parameters> Parameters::from_query(std::string_view query) {
    Parameters parameters;
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        if (part.empty()) continue;
        if (parameters.entries_.size() == kParametersMax)
            return base::fail(ErrorCode::kLimitExceeded, "more than 1,000 parameters; send them as JSON with POST");
        const std::size_t equals = std::min(part.find('='), part.size());
        ASSIGN_OR_RETURN(std::string name, percent_decoded(part.substr(0, equals), true));
        ASSIGN_OR_RETURN(std::string value, percent_decoded(part.substr(std::min(equals + 1, part.size())), true));
        parameters.add(std::move(name), std::move(value));
    }
    return parameters;
}

Result<Parameters> Parameters::from_json(std::string_view json) {
    Parameters parameters;
    if (json::trimmed(json).empty()) return parameters;
    RETURN_IF_ERROR(json::validate_json(json));
    if (!json::is_object(json)) return wrong("the request is a JSON object");
    json::ObjectScanner fields(json);
    while (fields.next()) {
        std::string scratch;
        const std::string name(json::unescaped(fields.raw_key(), scratch));
        const std::string_view value = fields.value();
        if (value == "null") continue;
        if (!value.starts_with('[') || !is_array_of_scalars(value)) {
            parameters.add(name, text_of(value));
            continue;
        }
        // No types, or no items, could mean all or nothing.
        std::size_t count = 0;
        json::ArrayScanner elements(value);
        for (; elements.next(); ++count) parameters.add(name, text_of(elements.value()));
        if (count == 0) return wrong(base::shortened(name) + " is an empty list; leave it out, or name something");
        if (parameters.entries_.size() > kParametersMax)
            return base::fail(ErrorCode::kLimitExceeded, "more than 1,000 values in one request; ask in parts");
    }
    return parameters;
}

void Parameters::add_all(Parameters other) {
    for (Entry& entry : other.entries_) entries_.push_back(std::move(entry));
}

bool Parameters::has(std::string_view name) const {
    for (const Entry& entry : entries_) {
        if (entry.name == name) return true;
    }
    return false;
}

std::vector<std::string_view> Parameters::values_of(std::string_view name) const {
    std::vector<std::string_view> values;
    for (const Entry& entry : entries_) {
        if (entry.name == name) values.emplace_back(entry.value);
    }
    return values;
}

Result<std::optional<std::string>> Parameters::take(std::string_view name) {
    std::vector<std::string> values = take_all(name);
    if (values.empty()) return std::optional<std::string>();
    if (values.size() > 1) return wrong(std::string(name) + " is given more than once");
    return std::optional<std::string>(std::move(values.front()));
}

Result<std::string> Parameters::take_text(std::string_view name) {
    ASSIGN_OR_RETURN(std::optional<std::string> value, take(name));
    return value.value_or("");
}

std::vector<std::string> Parameters::take_all(std::string_view name) {
    asked_for_.emplace_back(name);
    std::vector<std::string> values;
    for (Entry& entry : entries_) {
        if (entry.name != name) continue;
        entry.is_taken = true;
        values.push_back(entry.value);
    }
    return values;
}

Result<std::optional<std::uint64_t>> Parameters::take_number(std::string_view name) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, take(name));
    if (!text) return std::optional<std::uint64_t>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size())
        return wrong(std::string(name) + "=" + base::shortened(*text) + ": a whole number from 0 on is expected");
    return std::optional<std::uint64_t>(number);
}

Result<bool> Parameters::take_flag(std::string_view name, bool otherwise) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, take(name));
    if (!text) return otherwise;
    if (*text == "true" || *text == "1" || text->empty()) return true;
    if (*text == "false" || *text == "0") return false;
    return wrong(std::string(name) + "=" + base::shortened(*text) + ": true or false is expected");
}

Result<std::string> Parameters::take_word(std::string_view name, const std::vector<std::string>& words) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, take(name));
    if (!text) return words.front();
    std::string listed;
    for (const std::string& word : words) {
        if (*text == word) return word;
        listed += (listed.empty() ? "" : ", ") + word;
    }
    return wrong(std::string(name) + "=" + base::shortened(*text) + ": one of " + listed + " is expected");
}

Status Parameters::check_all_taken() const {
    for (const Entry& entry : entries_) {
        if (entry.is_taken) continue;
        std::string message = "there is no parameter " + base::shortened(entry.name);
        const std::vector<std::string> similar = similar_words(entry.name, asked_for_, 1);
        if (!similar.empty()) message += "; did you mean " + similar.front() + "?";
        // Asked for twice where the gate and a handler look.
        std::vector<std::string> known = asked_for_;
        std::sort(known.begin(), known.end());
        known.erase(std::unique(known.begin(), known.end()), known.end());
        for (std::size_t i = 0; similar.empty() && i < known.size(); ++i)
            message += (i == 0 ? "; there are " : ", ") + known[i];
        return wrong(std::move(message));
    }
    return {};
}

}  // namespace chronos::wire
