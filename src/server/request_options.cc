#include "server/request_options.h"

#include <charconv>

#include "base/result.h"

namespace chronos::server {
namespace {

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

}  // namespace

std::optional<Timestamp> resolve_fork(const Store& store, std::string& branch) {
    if (branch == "main") return std::nullopt;
    const Result<ForkInfo> fork = store.fork(branch);
    if (!fork.ok()) return std::nullopt;
    branch = fork->id;
    return fork->expires_at;
}

Status check_tenant(wire::Parameters& parameters, const access::Principal& principal) {
    for (const std::string& tenant : parameters.take_all("tenant_id")) {
        if (tenant != principal.tenant)
            return base::fail(ErrorCode::kNotFound, "there is no such tenant; leave tenant_id out");
    }
    return {};
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
    const auto refused = [] { return wrong("If-Match is * or the ETag of the current state, as in \"v42\""); };
    if (match.size() < 4 || !match.starts_with("\"v") || !match.ends_with('"')) return refused();
    std::uint64_t version = 0;
    const char* end = match.data() + match.size() - 1;
    const auto [stop, error] = std::from_chars(match.data() + 2, end, version);
    if (error == std::errc() && *stop == '-')
        return wrong(
            "this ETag is of another view or fold than the current state of main, merged; send the version alone, as "
            "in "
            "If-Match: \"v" +
            std::to_string(version) + "\"");
    if (error != std::errc() || stop != end) return refused();
    return std::optional(ExpectedVersion::exactly(version));
}

}  // namespace chronos::server
