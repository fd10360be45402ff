#include "server/request_options.h"

#include <algorithm>
#include <charconv>

#include "base/result.h"

namespace chronos::server {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

}  // namespace

Result<std::string> take_branch(wire::Parameters& parameters) {
    ASSIGN_OR_RETURN(std::string fork, parameters.take_text("fork"));
    ASSIGN_OR_RETURN(std::string branch, parameters.take_text("branch"));
    if (!fork.empty() && !branch.empty()) return wrong("fork and branch mean the same; give one of them");
    if (!fork.empty()) return fork;
    return branch.empty() ? std::string("main") : branch;
}

Result<Durability> read_durability(const Request& request) {
    const std::string_view prefer = request.header("prefer");
    constexpr std::string_view kName = "durability=";
    const std::size_t at = prefer.find(kName);
    if (at == std::string_view::npos) return Durability::kDurable;
    std::string_view wanted = prefer.substr(at + kName.size());
    wanted = wanted.substr(0, wanted.find_first_of(",; "));
    if (wanted == "durable" || wanted == "\"durable\"") return Durability::kDurable;
    if (wanted == "os" || wanted == "\"os\"") return Durability::kOs;
    return wrong("Prefer: durability is durable (on disk, the default) or os (handed to the operating system)");
}

Result<std::optional<ExpectedVersion>> read_preconditions(const Request& request) {
    const std::string_view match = request.header("if-match");
    const std::string_view none_match = request.header("if-none-match");
    if (!match.empty() && !none_match.empty()) return wrong("If-Match and If-None-Match exclude each other");
    if (!none_match.empty()) {
        if (none_match == "*") return std::optional(ExpectedVersion::none());
        return wrong("If-None-Match may only be *, which means that the entity must not exist");
    }
    if (match.empty()) return std::optional<ExpectedVersion>();
    if (match == "*") return std::optional(ExpectedVersion::exists());
    std::uint64_t version = 0;
    const bool is_quoted = match.size() >= 4 && match.starts_with("\"v") && match.ends_with('"');
    const char* end = match.data() + match.size() - 1;
    const auto [stop, error] = std::from_chars(match.data() + std::min<std::size_t>(2, match.size()), end, version);
    if (!is_quoted || error != std::errc() || stop != end)
        return wrong("If-Match is * or the ETag of the current state, as in \"v42\"");
    return std::optional(ExpectedVersion::exactly(version));
}

}  // namespace chronos::server
