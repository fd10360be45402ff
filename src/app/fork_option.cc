#include "app/fork_option.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "app/fork_text.h"
#include "base/result.h"
#include "base/utf8.h"

namespace chronos::app {
namespace {

constexpr std::string_view kMain = "main";
/// "fork-x": shorter ones would say nothing.
constexpr std::size_t kPrefixSizeMin = 6;
constexpr std::size_t kCandidatesShown = 10;

Error ambiguous(const std::string& text, const std::vector<ForkInfo>& candidates) {
    std::string message = "'" + text + "' may be any of " + std::to_string(candidates.size()) + " forks: ";
    for (std::size_t i = 0; i < std::min(candidates.size(), kCandidatesShown); ++i)
        message += (i == 0 ? "" : ", ") + fork_title(candidates[i]);
    if (candidates.size() > kCandidatesShown) message += ", ...";
    return base::fail(ErrorCode::kInvalidArgument, message + "; write more of the id");
}

}  // namespace

CLI::Option* ForkFlag::add_to(CLI::App* command) {
    return command
        ->add_option("--fork", fork,
                     "The fork to act on: an id, its start, or a name; main for none (default: $CHRONOS_FORK, or main)")
        ->type_name("FORK");
}

std::string ForkFlag::text() const {
    return fork.empty() ? environment_variable("CHRONOS_FORK").value_or(std::string(kMain)) : fork;
}

Result<ForkInfo> find_fork(const client::Endpoint& store, const std::string& text) {
    if (text == kMain) return base::fail(ErrorCode::kInvalidArgument, "main is no fork, and this is about forks");
    Result<ForkInfo> exact = store.fork(text);
    if (exact.ok() || exact.error().code != ErrorCode::kNotFound) return exact;
    for (const bool with_ended : {false, true}) {
        if (text.size() < kPrefixSizeMin) break;
        ASSIGN_OR_RETURN(std::vector<ForkInfo> candidates, store.forks({.with_ended = with_ended}));
        std::erase_if(candidates, [&text](const ForkInfo& fork) { return !fork.id.starts_with(text); });
        if (candidates.size() == 1) return std::move(candidates.front());
        if (candidates.size() > 1) return ambiguous(text, candidates);
    }
    return base::fail(ErrorCode::kNotFound, "there is no fork '" + base::shortened(text) +
                                                "'; `chronos fork list --all` shows which there are, and an id may "
                                                "be shortened to its first characters, fork-x at least");
}

Result<std::string> find_branch(const client::Endpoint& store, const std::string& text) {
    if (text == kMain) return text;
    ASSIGN_OR_RETURN(ForkInfo fork, find_fork(store, text));
    return std::move(fork.id);
}

Result<Branch> choose_branch(Program& program, const client::Endpoint& store, const ForkFlag& flag) {
    const std::string text = flag.text();
    if (text == kMain) return Branch();
    Result<ForkInfo> fork = find_fork(store, text);
    if (!fork.ok()) {
        Error error = std::move(fork).error();
        if (flag.fork.empty()) error.message += "; $CHRONOS_FORK names it, and --fork main overrides that";
        return error;
    }
    if (fork->is_readable) program.note("on fork " + fork_title(*fork) + ", " + fork_life_text(*fork, program.now()));
    return Branch{.name = fork->id, .expires_at = fork->expires_at};
}

Result<std::unique_ptr<client::Endpoint>> open_for_writing(Program& program, const ForkFlag& flag,
                                                           OpenOptions options) {
    if (!program.common.url.empty()) return open_endpoint(program);
    Result<Store> store = flag.text() == kMain ? open_for_writing(program, std::move(options))
                                               : open_for_reading(program, std::move(options));
    if (!store.ok()) return std::move(store).error();
    return client::endpoint_of(std::move(*store), program.common.directory);
}

}  // namespace chronos::app
