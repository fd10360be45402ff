#include "mcp/argument_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mcp/json_rpc.h"
#include "wire/similar_words.h"

namespace chronos::mcp {
namespace {

constexpr int kDepthMax = 32;
using Mistake = std::optional<std::string>;

/// Code points of UTF-8.
std::size_t length_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_integral(const Json& value) {
    if (value.is_number_integer()) return true;
    return value.is_number_float() && std::floor(value.get<double>()) == value.get<double>();
}

bool has_type(const Json& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "integer") return is_integral(value);
    if (type == "number") return value.is_number();
    return true;
}

std::string named(std::string_view path) { return path.empty() ? "the arguments" : "\"" + std::string(path) + "\""; }

class Check {
public:
    explicit Check(const Json& root) : root_(root) {}

    Mistake look(const Json& value, const Json& given_schema, const std::string& path, int depth) const {
        const Json& schema = resolved(given_schema);
        if (!schema.is_object() || depth > kDepthMax) return std::nullopt;
        if (Mistake mistake = look_at_type(value, schema, path)) return mistake;
        if (Mistake mistake = look_at_values(value, schema, path)) return mistake;
        if (Mistake mistake = look_at_size(value, schema, path)) return mistake;
        if (Mistake mistake = look_at_choices(value, schema, path, depth)) return mistake;
        if (value.is_object()) return look_inside(value, schema, path, depth);
        if (!value.is_array()) return std::nullopt;
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (Mistake mistake =
                    look(value[i], member(schema, "items"), path + "[" + std::to_string(i) + "]", depth + 1))
                return mistake;
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] const Json& resolved(const Json& schema) const {
        constexpr std::string_view kDefinitions = "#/$defs/";
        const std::optional<std::string> reference = string_member(schema, "$ref");
        if (!reference || !reference->starts_with(kDefinitions)) return schema;
        return member(member(root_, "$defs"), std::string_view(*reference).substr(kDefinitions.size()));
    }

    static Mistake look_at_type(const Json& value, const Json& schema, const std::string& path) {
        const Json& type = member(schema, "type");
        // The one argument that is often taken for another: what to write instead depends on what was meant.
        if (path == "at" && type == "integer" && value.is_string())
            return named(path) + " is a position, a whole number from 0 on" +
                   "; for a time use known_at (what was recorded by then) or as_of (what had happened by then)";
        if (type.is_string() && !has_type(value, type.get_ref<const std::string&>()))
            return named(path) + " must be of type " + type.get<std::string>() + ", not " + value.type_name();
        if (!type.is_array()) return std::nullopt;
        const bool is_one = std::any_of(type.begin(), type.end(), [&](const Json& one) {
            return one.is_string() && has_type(value, one.get_ref<const std::string&>());
        });
        if (is_one) return std::nullopt;
        return named(path) + " must be of one of the types " + type.dump();
    }

    static Mistake look_at_values(const Json& value, const Json& schema, const std::string& path) {
        if (schema.contains("const") && value != schema["const"])
            return named(path) + " must be " + text_of(schema["const"]);
        const Json& values = member(schema, "enum");
        if (!values.is_array() || std::find(values.begin(), values.end(), value) != values.end()) return std::nullopt;
        return named(path) + " must be one of " + text_of(values) + ", not " + text_of(value).substr(0, 100);
    }

    static Mistake look_at_size(const Json& value, const Json& schema, const std::string& path) {
        const auto bound = [&](std::string_view name) -> std::optional<double> {
            const Json& limit = member(schema, name);
            if (!limit.is_number()) return std::nullopt;
            return limit.get<double>();
        };
        const auto check = [&](double size, std::string_view least, std::string_view most,
                               std::string_view unit) -> Mistake {
            const auto text = [](double number) { return Json(number).dump(); };
            if (const auto min = bound(least); min && size < *min)
                return named(path) + " must be at least " + trimmed(text(*min)) + std::string(unit);
            if (const auto max = bound(most); max && size > *max)
                return named(path) + " must be at most " + trimmed(text(*max)) + std::string(unit);
            return std::nullopt;
        };
        if (value.is_string())
            return check(static_cast<double>(length_of(value.get_ref<const std::string&>())), "minLength", "maxLength",
                         " characters long");
        if (value.is_number()) return check(value.get<double>(), "minimum", "maximum", "");
        if (value.is_array()) return check(static_cast<double>(value.size()), "minItems", "maxItems", " items long");
        return std::nullopt;
    }

    static std::string trimmed(std::string number) {
        if (number.ends_with(".0")) number.resize(number.size() - 2);
        return number;
    }

    Mistake look_at_choices(const Json& value, const Json& schema, const std::string& path, int depth) const {
        for (const char* name : {"anyOf", "oneOf"}) {
            const Json& choices = member(schema, name);
            if (!choices.is_array() || choices.empty()) continue;
            Mistake first;
            bool fits = false;
            for (const Json& choice : choices) {
                Mistake mistake = look(value, choice, path, depth + 1);
                if (!mistake) fits = true;
                if (!first) first = std::move(mistake);
            }
            if (!fits) return first;
        }
        return std::nullopt;
    }

    Mistake look_inside(const Json& value, const Json& schema, const std::string& path, int depth) const {
        const Json& properties = member(schema, "properties");
        const std::string prefix = path.empty() ? "" : path + ".";
        for (const auto& [name, inner] : value.items()) {
            if (properties.is_object() && properties.contains(name)) {
                if (Mistake mistake = look(inner, properties[name], prefix + name, depth + 1)) return mistake;
            } else if (const Json& others = member(schema, "additionalProperties"); others.is_object()) {
                if (Mistake mistake = look(inner, others, prefix + name, depth + 1)) return mistake;
            } else if (others.is_boolean() && !others.get<bool>()) {
                return unknown(prefix, name, properties);
            }
        }
        for (const Json& name : member(schema, "required")) {
            if (name.is_string() && !value.contains(name.get_ref<const std::string&>()))
                return "\"" + prefix + name.get<std::string>() + "\" is missing";
        }
        return std::nullopt;
    }

    static std::string unknown(const std::string& prefix, const std::string& name, const Json& properties) {
        std::vector<std::string> known;
        std::string list;
        for (const auto& [one, schema] : properties.items()) {
            known.push_back(one);
            list += (list.empty() ? "" : ", ") + one;
        }
        const std::vector<std::string> similar = wire::similar_words(name, known, 1);
        std::string text = "there is no argument \"" + prefix + name.substr(0, 100) + "\"";
        if (!similar.empty()) return text + "; did you mean \"" + prefix + similar.front() + "\"?";
        return text + (list.empty() ? "; there are none" : "; there are: " + list);
    }

    const Json& root_;
};

}  // namespace

std::optional<std::string> mistake_in(const Json& arguments, const Json& schema) {
    return Check(schema).look(arguments, schema, {}, 0);
}

}  // namespace chronos::mcp
