#include "mcp/json_rpc.h"

#include <utility>

#include "json/number.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"

namespace chronos::mcp {
namespace {

constexpr std::size_t kTokensMax = 100'000;
constexpr std::size_t kIdSizeMax = 256;
/// Every double holds so many digits, if its exponent is none of the extreme ones.
constexpr std::size_t kDigitsKept = 15;

bool is_id(const Json& id) {
    if (id.is_string()) return id.get_ref<const std::string&>().size() <= kIdSizeMax;
    return id.is_number_integer();
}

bool keeps_number(std::string_view number) {
    if (number.size() <= kDigitsKept && number.find_first_of("eE") == std::string_view::npos) return true;
    const Json value = Json::parse(number, nullptr, false);
    return value.is_number() && json::compare_numbers(value.dump(), number) == std::strong_ordering::equal;
}

RpcError invalid(std::string message) { return {.code = kInvalidRequest, .message = std::move(message)}; }

std::optional<RpcError> read_request(const Json& object, Message& message) {
    if (!object["method"].is_string()) return invalid("\"method\" is not a string");
    message.method = object["method"].get<std::string>();
    message.kind = object.contains("id") ? Message::Kind::kRequest : Message::Kind::kNotification;
    if (message.kind == Message::Kind::kRequest && message.id.is_null())
        return invalid("\"id\" is a string of at most 256 bytes or an integer");
    if (!object.contains("params")) return std::nullopt;
    if (!object["params"].is_object()) return invalid("\"params\" is an object, with arguments by name");
    message.params = object["params"];
    return std::nullopt;
}

std::optional<RpcError> read_response(const Json& object, Message& message) {
    message.kind = Message::Kind::kResponse;
    if (message.id.is_null()) return invalid("a response names the request by \"id\"");
    if (object.contains("result") == object.contains("error"))
        return invalid("a message has one of \"method\", \"result\" and \"error\"");
    if (object.contains("result")) {
        message.result = object["result"];
        return std::nullopt;
    }
    const Json& error = object["error"];
    if (!error.is_object() || !member(error, "code").is_number_integer()) return invalid("\"error\" has no \"code\"");
    message.error = RpcError{.code = error["code"].get<std::int32_t>(),
                             .message = string_member(error, "message").value_or(""),
                             .data = member(error, "data")};
    return std::nullopt;
}

}  // namespace

Parsed parse_message(std::string_view text) {
    Parsed parsed;
    const json::Limits limits{.depth_max = kMessageDepthMax, .tokens_max = kTokensMax};
    if (const Status valid = json::validate_json(text, limits); !valid.ok()) {
        const bool is_limit = valid.error().code == ErrorCode::kLimitExceeded;
        parsed.error = RpcError{.code = is_limit ? kInvalidRequest : kParseError, .message = valid.error().message};
        return parsed;
    }
    const Json object = Json::parse(text, nullptr, false);
    if (object.is_array()) {
        parsed.error = invalid("batches are not taken; send each message alone");
        return parsed;
    }
    if (!object.is_object()) {
        parsed.error = invalid("a message is an object");
        return parsed;
    }
    parsed.message.has_inexact_number = !keeps_numbers(text);
    if (is_id(member(object, "id"))) parsed.message.id = object["id"];
    if (string_member(object, "jsonrpc") != "2.0")
        parsed.error = invalid("\"jsonrpc\" is \"2.0\"");
    else
        parsed.error =
            object.contains("method") ? read_request(object, parsed.message) : read_response(object, parsed.message);
    return parsed;
}

bool keeps_numbers(std::string_view text) {
    const char* end = text.data() + text.size();
    for (const char* at = text.data(); at != end; ++at) {
        if (*at == '"') {
            at = json::find_string_end(at + 1, end);
            if (at == end) return true;
        } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            const char* stop = json::skip_value(at, end);
            if (!keeps_number({at, static_cast<std::size_t>(stop - at)})) return false;
            at = stop - 1;
        }
    }
    return true;
}

Json result_message(const Json& id, Json result) {
    Json message = object_with_room(3);
    message["jsonrpc"] = "2.0";
    message["id"] = id;
    message["result"] = std::move(result);  // A list of initializers would copy it.
    return message;
}

Json error_message(const Json& id, const RpcError& error) {
    Json message = {{"jsonrpc", "2.0"}};
    if (!id.is_null()) message["id"] = id;
    message["error"] = {{"code", error.code}, {"message", error.message}};
    if (!error.data.is_null()) message["error"]["data"] = error.data;
    return message;
}

Json notification_message(std::string_view method, Json params) {
    return {{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}};
}

Json request_message(const Json& id, std::string_view method, Json params) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}};
}

void append_text(std::string& out, const Json& value) {
    if (value.is_object()) {
        out += '{';
        bool is_first = true;
        for (const auto& [name, content] : value.get_ref<const Json::object_t&>()) {
            if (!std::exchange(is_first, false)) out += ',';
            json::append_string(out, name);
            out += ':';
            append_text(out, content);
        }
        out += '}';
    } else if (value.is_array()) {
        out += '[';
        bool is_first = true;
        for (const Json& element : value.get_ref<const Json::array_t&>()) {
            if (!std::exchange(is_first, false)) out += ',';
            append_text(out, element);
        }
        out += ']';
    } else if (value.is_string()) {
        json::append_string(out, value.get_ref<const std::string&>());
    } else if (is_raw_json(value)) {
        const std::vector<std::uint8_t>& bytes = value.get_binary();
        out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    } else if (value.is_number_unsigned()) {
        json::append_unsigned(out, value.get<std::uint64_t>());
    } else if (value.is_number_integer()) {
        json::append_integer(out, value.get<std::int64_t>());
    } else if (value.is_boolean()) {
        out += value.get<bool>() ? "true" : "false";
    } else {
        out += value.dump();
    }
}

std::string text_of(const Json& value) {
    std::string text;
    append_text(text, value);
    return text;
}

Json raw_json(std::string_view json) { return Json::binary(std::vector<std::uint8_t>(json.begin(), json.end())); }

bool is_raw_json(const Json& value) { return value.is_binary(); }

void expand_raw_json(Json& value) {
    if (is_raw_json(value)) value = Json::parse(text_of(value));
    if (!value.is_structured()) return;
    for (Json& inner : value) expand_raw_json(inner);
}

Json object_with_room(std::size_t members) {
    Json object = Json::object();
    object.get_ref<Json::object_t&>().reserve(members);
    return object;
}

const Json& member(const Json& object, std::string_view name) {
    static const Json kNull;
    if (!object.is_object()) return kNull;
    const auto found = object.find(name);
    return found == object.end() ? kNull : *found;
}

std::optional<std::string> string_member(const Json& object, std::string_view name) {
    const Json& value = member(object, name);
    if (!value.is_string()) return std::nullopt;
    return value.get<std::string>();
}

}  // namespace chronos::mcp
