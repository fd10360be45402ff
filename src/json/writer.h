// Writing compact JSON text at the end of a string.
//
// Use:
//     std::string line;
//     ObjectWriter(line).field("id", id).field("count", 3).raw_field("payload", payload).end();
//
// Threads: values; one thread at a time for each string.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace chronos::json {

/// Appends `utf8` in quotes and escaped. Bytes that are not UTF-8 become U+FFFD, so what is written
/// is always valid JSON.
void append_string(std::string& out, std::string_view utf8);

void append_integer(std::string& out, std::int64_t value);
void append_unsigned(std::string& out, std::uint64_t value);

/// Appends the shortest text that reads back as `value`; null for what JSON has no number for.
void append_double(std::string& out, double value);

/// Writes one object: it begins with construction and ends with end().
class ObjectWriter {
public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

    ObjectWriter& field(std::string_view name, std::string_view value) {
        write_name(name);
        append_string(out_, value);
        return *this;
    }
    ObjectWriter& field(std::string_view name, const char* value) { return field(name, std::string_view(value)); }
    ObjectWriter& field(std::string_view name, const std::string& value) {
        return field(name, std::string_view(value));
    }
    ObjectWriter& field(std::string_view name, double value) {
        write_name(name);
        append_double(out_, value);
        return *this;
    }
    ObjectWriter& field(std::string_view name, std::same_as<bool> auto value) {
        return raw_field(name, value ? "true" : "false");
    }
    ObjectWriter& field(std::string_view name, std::signed_integral auto value) {
        write_name(name);
        append_integer(out_, value);
        return *this;
    }
    ObjectWriter& field(std::string_view name, std::unsigned_integral auto value)
        requires(!std::same_as<decltype(value), bool>)
    {
        write_name(name);
        append_unsigned(out_, value);
        return *this;
    }

    /// Appends a field whose value is JSON text already. Requires: `json` is valid.
    ObjectWriter& raw_field(std::string_view name, std::string_view json) {
        write_name(name);
        out_ += json;
        return *this;
    }

    void end() { out_ += '}'; }

private:
    void write_name(std::string_view name) {
        if (has_fields_) out_ += ',';
        has_fields_ = true;
        append_string(out_, name);
        out_ += ':';
    }

    std::string& out_;
    bool has_fields_ = false;
};

}  // namespace chronos::json
