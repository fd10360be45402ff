#include "architecture/rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <regex>
#include <set>

namespace chronos::architecture {
namespace {

constexpr std::size_t kFileLinesMax = 700;

using Folders = std::set<std::string, std::less<>>;

/// A folder includes lower ranks only; folders of one rank do not include each other.
const std::map<std::string, int, std::less<>>& ranks() {
    static const std::map<std::string, int, std::less<>> table{
        {"base", 1},       {"io", 2},      {"event", 2},  {"json", 3},   {"cache", 3},    {"text", 3},
        {"vector", 3},     {"parquet", 3}, {"wal", 4},    {"index", 4},  {"segment", 4},  {"store", 5},
        {"projection", 6}, {"query", 6},   {"search", 6}, {"access", 6}, {"embedded", 7}, {"ingest", 8},
        {"wire", 8},       {"server", 9},  {"client", 9}, {"mcp", 10},   {"app", 11},     {"mcp_cli", 12},
    };
    return table;
}

/// Public headers that only define values; every folder may speak in them.
const Folders& value_headers() {
    static const Folders headers{"chronos/result.h", "chronos/types.h", "chronos/event.h", "chronos/append.h",
                                 "chronos/read.h",   "chronos/state.h", "chronos/fork.h",  "chronos/changes.h"};
    return headers;
}

bool stands_before_the_front(std::string_view folder) {
    const auto rank = ranks().find(folder);
    return rank != ranks().end() && rank->second >= ranks().find("embedded")->second;
}

/// Something in a line of code that belongs in some folders and not in others.
struct Reserved {
    enum class Where : std::uint8_t { kOnlyIn, kNotIn };

    std::regex pattern;
    Where where;
    Folders folders;
    std::string_view reason;

    [[nodiscard]] bool forbids(std::string_view folder) const {
        return folders.contains(folder) == (where == Where::kNotIn);
    }
};

const std::vector<Reserved>& reserved() {
    static const std::vector<Reserved> table = [] {
        const auto include = [](const std::string& headers) {
            return std::regex(R"(^\s*#\s*include\s*<()" + headers + ")>");
        };
        std::vector<Reserved> rows;
        rows.push_back({include(R"(fcntl\.h|dirent\.h|fstream|filesystem|sys/(?!ioctl\.h|wait\.h).*)"
                                R"(|linux/.*|liburing\.h|aio\.h)"),
                        Reserved::Where::kOnlyIn,
                        {"io"},
                        "only src/io reaches the operating system"});
        rows.push_back({include(R"(unistd\.h|termios\.h|poll\.h|signal\.h|csignal|spawn\.h)"
                                R"(|sys/(ioctl|wait)\.h)"),
                        Reserved::Where::kOnlyIn,
                        {"io", "app", "mcp_cli"},
                        "only src/io, and the programs for their terminal, reach the operating system"});
        rows.push_back({std::regex(R"((system|steady|high_resolution)_clock::now|\bclock_gettime\b)"
                                   R"(|\bgettimeofday\b|\bstd::time\s*\()"),
                        Reserved::Where::kOnlyIn,
                        {"io"},
                        "time comes from io::Clock, so that every run can be replayed"});
        rows.push_back({std::regex(R"(\brandom_device\b|\bgetrandom\b|\bRAND_bytes\b)"),
                        Reserved::Where::kOnlyIn,
                        {"io"},
                        "randomness comes from io::Random, so that every run can be replayed"});
        rows.push_back({std::regex(R"(\bfopen\s*\(|\bfreopen\s*\()"),
                        Reserved::Where::kOnlyIn,
                        {"io"},
                        "files come from io::FileSystem"});
        rows.push_back({include(R"(thread|mutex|shared_mutex|condition_variable|future)"),
                        Reserved::Where::kNotIn,
                        {"event"},
                        "src/event is values and rules; it knows no threads"});
        rows.push_back({include(R"(simdjson.*|nlohmann/.*)"),
                        Reserved::Where::kOnlyIn,
                        {"mcp", "mcp_cli"},
                        "JSON is read through src/json; src/mcp makes trees of it, tests compare it with others"});
        rows.push_back({std::regex(R"(^\s*#\s*include\s*"io/(posix|sim)/)"),
                        Reserved::Where::kOnlyIn,
                        {"io", "embedded", "mcp", "app", "mcp_cli"},
                        "the engine is given its io::Environment; it does not choose one"});
        return rows;
    }();
    return table;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return text.starts_with(prefix); });
}

std::string_view first_part(std::string_view path) { return path.substr(0, path.find('/')); }

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        lines.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

/// The code of a line, without a `//` comment. Block comments are not used in this project.
std::string_view code_of(std::string_view line) { return line.substr(0, line.find("//")); }

std::optional<std::string> quoted_include(std::string_view code) {
    static const std::regex pattern(R"re(^\s*#\s*include\s*"([^"]+)")re");
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_search(code.begin(), code.end(), match, pattern)) return std::nullopt;
    return match[1].str();
}

/// What is wrong with a file of the library including `included`; empty if nothing is.
class IncludeRules {
public:
    explicit IncludeRules(std::string_view path) : is_public_(path.starts_with("include/")), path_(path) {
        if (!is_public_) folder_ = first_part(path.substr(std::string_view("src/").size()));
    }

    [[nodiscard]] std::string objection(std::string_view included) const {
        if (included.find('/') == std::string_view::npos) {
            return "is not written from the root of include/ or src/";
        }
        if (first_part(included) == "chronos") return objection_to_public(included);
        if (is_public_) return "is private; include/ stands alone";
        return objection_to_private(included);
    }

private:
    [[nodiscard]] std::string objection_to_public(std::string_view included) const {
        if (value_headers().contains(included)) return {};
        const bool may = is_public_ ? !value_headers().contains(path_.substr(std::string_view("include/").size()))
                                    : stands_before_the_front(folder_);
        return may ? "" : "is the library's front; only embedded and what ranks above it know it";
    }

    [[nodiscard]] std::string objection_to_private(std::string_view included) const {
        const std::string_view other = first_part(included);
        if (other == folder_) return objection_within_io(included);
        const auto own_rank = ranks().find(folder_);
        const auto other_rank = ranks().find(other);
        if (own_rank == ranks().end() || other_rank == ranks().end()) {
            return fmt::format("joins {} and {}, of which one has no rank", folder_, other);
        }
        if (other_rank->second < own_rank->second) return {};
        return fmt::format("has rank {}; {} has {} and includes only lower ones", other_rank->second, folder_,
                           own_rank->second);
    }

    [[nodiscard]] std::string objection_within_io(std::string_view included) const {
        const bool joins_both = (path_.starts_with("src/io/posix/") && included.starts_with("io/sim/")) ||
                                (path_.starts_with("src/io/sim/") && included.starts_with("io/posix/"));
        return joins_both ? "joins io/posix and io/sim, which know nothing of each other" : "";
    }

    bool is_public_;
    std::string_view path_;
    std::string_view folder_;  // of src/; empty for public headers
};

/// Tests, what they share and benchmarks stand beside the code but are not part of the library.
bool is_test(std::string_view path) {
    return path.ends_with("_test.cc") || path.ends_with("_fixture.h") || path.ends_with("_bench.cc");
}

std::string objection_to_code(std::string_view path, std::string_view code) {
    const std::string_view folder =
        path.starts_with("src/") ? first_part(path.substr(std::string_view("src/").size())) : "include";
    for (const Reserved& row : reserved()) {
        if (!row.forbids(folder)) continue;
        if (std::regex_search(code.begin(), code.end(), row.pattern)) return std::string(row.reason);
    }
    return {};
}

}  // namespace

std::vector<std::string> broken_rules(std::string_view path, std::string_view text) {
    std::vector<std::string> broken;
    const auto report = [&](std::size_t line_number, std::string_view what) {
        broken.push_back(fmt::format("{}:{}: {}", path, line_number, what));
    };

    const std::vector<std::string_view> lines = lines_of(text);
    const IncludeRules includes(path);
    static const std::regex left_over(R"(\b(TODO|FIXME|XXX|HACK)\b)");
    // What the call returns may be the last holder, and is gone before the first step of the loop.
    static const std::regex loop_over_what_is_let_go(R"(\bfor \([^;]*[^:]:[^:;()]*\([^;()]*\)\s*->)");
    for (std::size_t index = 0; index < lines.size(); ++index) {
        const std::string_view line = lines[index];
        if (std::regex_search(line.begin(), line.end(), left_over)) {
            report(index + 1, "a left-over; finish it or take it out");
        }
        const std::string_view code = code_of(line);
        if (std::regex_search(code.begin(), code.end(), loop_over_what_is_let_go)) {
            report(index + 1, "a loop over a part of what a call returned; hold it first");
        }
        if (const std::optional<std::string> included = quoted_include(line)) {
            const std::string objection = includes.objection(*included);
            if (!objection.empty()) report(index + 1, fmt::format("\"{}\" {}", *included, objection));
        }
        if (is_test(path)) continue;
        const std::string objection = objection_to_code(path, code);
        if (!objection.empty()) report(index + 1, objection);
    }

    if (path.ends_with(".h")) {
        if (lines.empty() || !lines[0].starts_with("// ")) {
            report(1, "a header opens with a comment that says its purpose");
        }
        if (std::find(lines.begin(), lines.end(), "#pragma once") == lines.end()) {
            report(1, "a header has #pragma once");
        }
    }
    if (!is_test(path) && lines.size() > kFileLinesMax) {
        report(kFileLinesMax + 1, fmt::format("more than {} lines; often two ideas in one", kFileLinesMax));
    }
    return broken;
}

std::string objection_to_folder(std::string_view name) {
    if (starts_with_any(name, {"common", "util", "helper", "misc", "shared"})) {
        return fmt::format("src/{}: say what is in it", name);
    }
    if (!ranks().contains(name)) {
        return fmt::format("src/{}: has no rank; give it one in tests/architecture/rules.cc", name);
    }
    return {};
}

}  // namespace chronos::architecture
