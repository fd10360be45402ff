#include "wire/payload_fields.h"

#include "json/pointer.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::wire {
namespace {

constexpr std::size_t kDepthMax = 3;
constexpr std::size_t kFieldsMax = 200;

using Visit = std::function<void(const std::string& pointer, std::string_view value)>;

void walk(std::string_view object, const std::string& pointer, std::size_t depth_left, const Visit& visit) {
    json::ObjectScanner members(object);
    std::string scratch;
    while (members.next()) {
        std::string name = pointer;
        json::append_pointer_segment(name, json::unescaped(members.raw_key(), scratch));
        const std::string_view value = members.value();
        if (value.starts_with('{') && depth_left > 1)
            walk(value, name, depth_left - 1, visit);
        else
            visit(name, value);
    }
}

}  // namespace

std::string_view kind_of_json(std::string_view value) {
    switch (value.empty() ? '\0' : value.front()) {
        case '{': return "object";
        case '[': return "array";
        case '"': return "string";
        case 't':
        case 'f': return "boolean";
        case 'n': return "null";
        default: return "number";
    }
}

void walk_fields(std::string_view payload, std::size_t depth_max, const Visit& visit) {
    if (json::validate_json(payload).ok() && json::is_object(payload))
        walk(json::trimmed(payload), "", depth_max, visit);
}

void add_field_kinds(std::string_view payload, FieldKinds& kinds) {
    walk_fields(payload, kDepthMax, [&kinds](const std::string& pointer, std::string_view value) {
        if (kinds.size() >= kFieldsMax && !kinds.contains(pointer)) return;
        kinds[pointer].emplace(kind_of_json(value));
    });
}

std::string field_kinds_as_json(const FieldKinds& kinds) {
    std::string out;
    json::ObjectWriter writer(out);
    for (const auto& [pointer, names] : kinds) {
        std::string list;
        for (const std::string& name : names) {
            list += list.empty() ? '[' : ',';
            json::append_string(list, name);
        }
        writer.raw_field(pointer, list + "]");
    }
    writer.end();
    return out;
}

}  // namespace chronos::wire
