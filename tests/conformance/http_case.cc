#include "conformance/http_case.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

namespace chronos::conformance {
namespace {

using nlohmann::json;

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::string with_saved(std::string text, const Saved& saved) {
    for (const auto& [name, value] : saved) {
        const std::string mark = "{{" + name + "}}";
        for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
            text.replace(at, mark.size(), value);
    }
    return text;
}

std::string gzipped(const std::string& plain) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, plain.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string zstd_compressed(const std::string& plain) {
    std::string out(ZSTD_compressBound(plain.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 9));
    return out;
}

/// "@gzip", "@zstd", "@zeros 1000000", "@repeat 1000", "@cut 10", one behind the other on the first line.
std::string made_body(const std::string& body) {
    if (!body.starts_with('@')) return body;
    const std::size_t end = body.find('\n');
    std::string made = end == std::string::npos ? std::string() : body.substr(end + 1);
    std::istringstream words(body.substr(0, end));
    for (std::string word; words >> word;) {
        std::size_t count = 0;
        if (word == "@zeros" && words >> count) made = std::string(count, '0');
        if (word == "@repeat" && words >> count) {
            std::string all;
            for (std::size_t i = 0; i < count; ++i) all += made;
            made = all;
        }
        if (word == "@cut" && words >> count) made.resize(made.size() - std::min(count, made.size()));
        if (word == "@gzip") made = gzipped(made);
        if (word == "@zstd") made = zstd_compressed(made);
    }
    return made;
}

bool matches(const std::string& pattern, const std::string& text, Saved& saved) {
    static const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    static const std::regex timestamp(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)");
    if (pattern == "<any>" || pattern == "<text>") return true;
    if (pattern == "<uuid>") return std::regex_match(text, uuid);
    if (pattern == "<timestamp>") return std::regex_match(text, timestamp);
    if (pattern.starts_with("<contains: "))
        return text.find(pattern.substr(11, pattern.size() - 12)) != std::string::npos;
    if (pattern.starts_with("<save:")) {
        saved[pattern.substr(6, pattern.size() - 7)] = text;
        return true;
    }
    return pattern == text;
}

std::string difference(const json& wanted, const json& got, const std::string& path, Saved& saved);

std::string object_difference(const json& wanted, const json& got, const std::string& path, Saved& saved) {
    for (const auto& [name, value] : wanted.items()) {
        const std::string place = path + "/" + name;
        if (value == "<absent>" && got.contains(name)) return place + " is there: " + got[name].dump();
        if (value == "<absent>") continue;
        if (!got.contains(name)) return place + " is missing";
        if (std::string found = difference(value, got[name], place, saved); !found.empty()) return found;
    }
    return {};
}

std::string array_difference(const json& wanted, const json& got, const std::string& path, Saved& saved) {
    const bool has_more = !wanted.empty() && wanted.back() == "<more>";
    const std::size_t count = wanted.size() - (has_more ? 1 : 0);
    if (got.size() < count || (!has_more && got.size() != count))
        return path + " has " + std::to_string(got.size()) + " elements, not " + std::to_string(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::string found = difference(wanted[i], got[i], path + "/" + std::to_string(i), saved);
        if (!found.empty()) return found;
    }
    return {};
}

std::string difference(const json& wanted, const json& got, const std::string& path, Saved& saved) {
    if (wanted.is_object() && got.is_object()) return object_difference(wanted, got, path, saved);
    if (wanted.is_array() && got.is_array()) return array_difference(wanted, got, path, saved);
    if (wanted == "<any>") return {};
    if (wanted == "<number>") return got.is_number() ? std::string() : path + " is no number: " + got.dump();
    if (wanted.is_string() && wanted.get<std::string>().starts_with("<save:") && !got.is_string()) {
        (void)matches(wanted, got.dump(), saved);
        return {};
    }
    const bool same = wanted.is_string() && got.is_string() ? matches(wanted, got, saved) : wanted == got;
    return same ? std::string() : path + " is " + got.dump() + ", not " + wanted.dump();
}

std::string json_difference(const std::string& wanted, const std::string& got, Saved& saved) {
    const json expected = json::parse(wanted, nullptr, false);
    const json answered = json::parse(got, nullptr, false);
    if (expected.is_discarded()) return "the expected JSON is none: " + wanted;
    if (answered.is_discarded()) return "the answer is no JSON";
    return difference(expected, answered, "", saved);
}

std::string lines_difference(const std::string& wanted, const std::string& got, Saved& saved) {
    const std::vector<std::string> expected = lines_of(wanted);
    const std::vector<std::string> answered = lines_of(got);
    if (expected.size() != answered.size()) return "the answer has " + std::to_string(answered.size()) + " lines";
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const std::string found = json_difference(expected[i], answered[i], saved);
        if (!found.empty()) return "line " + std::to_string(i + 1) + ": " + found;
    }
    return {};
}

void take_header(std::vector<std::pair<std::string, std::string>>& headers, const std::string& line) {
    const std::size_t colon = line.find(':');
    const std::size_t begin = line.find_first_not_of(' ', colon + 1);
    headers.emplace_back(line.substr(0, colon), begin == std::string::npos ? std::string() : line.substr(begin));
}

}  // namespace

std::vector<HttpCase> parse_cases(const std::string& text, std::string& problem) {
    enum class Part { kNothing, kRequestHead, kRequestBody, kAnswerHead, kAnswerBody };
    std::vector<HttpCase> cases;
    Part part = Part::kNothing;
    std::string title;
    int number = 0;
    for (const std::string& line : lines_of(text)) {
        ++number;
        const bool is_head = part == Part::kRequestHead || part == Part::kAnswerHead;
        if (line.starts_with("=== ")) {
            title = line.substr(4);
            part = Part::kNothing;
        } else if (line.starts_with(">>> ")) {
            const std::size_t space = line.find(' ', 4);
            if (space == std::string::npos) problem = "line " + std::to_string(number) + ": method and target";
            cases.push_back({.title = title, .line = number});
            cases.back().request.method = line.substr(4, space - 4);
            cases.back().request.target = line.substr(space + 1);
            part = Part::kRequestHead;
        } else if (line.starts_with("<<< ") && !cases.empty()) {
            std::istringstream words(line.substr(4));
            words >> cases.back().status >> cases.back().form;
            if (cases.back().form.empty()) cases.back().form = "json";
            part = Part::kAnswerHead;
        } else if (is_head && line.empty()) {
            part = part == Part::kRequestHead ? Part::kRequestBody : Part::kAnswerBody;
        } else if (is_head && line.starts_with('#')) {
        } else if (is_head) {
            if (line.find(':') == std::string::npos)
                problem = "line " + std::to_string(number) + ": no header: " + line;
            take_header(part == Part::kRequestHead ? cases.back().request.headers : cases.back().headers, line);
        } else if (part == Part::kRequestBody) {
            cases.back().request.body += line + "\n";
        } else if (part == Part::kAnswerBody) {
            cases.back().body += line + "\n";
        } else if (!line.empty() && !line.starts_with('#')) {
            problem = "line " + std::to_string(number) + ": neither request nor answer: " + line;
        }
    }
    for (HttpCase& one : cases) {
        for (std::string* body : {&one.request.body, &one.body})
            while (body->ends_with('\n')) body->pop_back();
        if (one.status == 0) problem = "line " + std::to_string(one.line) + ": no answer is expected";
    }
    return cases;
}

std::vector<HttpCase> read_cases(const std::string& name, std::string& problem) {
    std::ifstream file(std::string(CHRONOS_SOURCE_DIR "/tests/conformance/") + name + ".test");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parse_cases(text, problem);
}

HttpRequest filled_in(const HttpCase& one, const Saved& saved) {
    HttpRequest request = one.request;
    request.target = with_saved(request.target, saved);
    bool has_key = false;
    std::erase_if(request.headers, [&](const auto& header) {
        has_key = has_key || header.first == "Authorization" || header.first == "X-API-Key";
        return header.first == "Authorization" && header.second.empty();
    });
    for (auto& [name, value] : request.headers) value = with_saved(value, saved);
    if (!has_key) request.headers.emplace_back("Authorization", "Bearer " + saved.at("admin"));
    request.body = made_body(with_saved(request.body, saved));
    return request;
}

std::string compare(const HttpCase& one, const HttpAnswer& answer, Saved& saved) {
    if (answer.status != one.status)
        return "status " + std::to_string(answer.status) + ", not " + std::to_string(one.status);
    for (const auto& [name, wanted] : one.headers) {
        std::string key = name;
        for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        const std::string got = answer.header(key);
        if (wanted == "<absent>" ? !got.empty() : !matches(with_saved(wanted, saved), got, saved))
            return name + ": " + got + ", not " + wanted;
    }
    const std::string wanted = with_saved(one.body, saved);
    if (one.form == "lines") return lines_difference(wanted, answer.body, saved);
    if (wanted.empty()) return {};
    if (one.form == "json") return json_difference(wanted, answer.body, saved);
    for (const std::string& line : lines_of(wanted)) {
        if (answer.body.find(line) == std::string::npos) return "the answer does not contain: " + line;
    }
    return {};
}

}  // namespace chronos::conformance
