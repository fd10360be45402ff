// chronos fork run: a command whose chronos commands act on a fork, and a decision about what it did.
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/foreground_command.h"
#include "app/fork_changes.h"
#include "app/fork_create_options.h"
#include "app/fork_text.h"
#include "app/merge_text.h"
#include "app/options.h"
#include "app/question.h"
#include "base/result.h"
#include "json/writer.h"
#include "wire/fork_json.h"
#include "wire/merge_json.h"

namespace chronos::app {
namespace {

enum class Ending : std::uint8_t { kMerge, kKeep, kDiscard };

struct RunFlags {
    ForkCreateFlags create;
    std::vector<std::string> command;
    bool merge_if_ok = false;
    bool keep = false;
    bool discard = false;
};

/// What became of the fork.
struct Outcome {
    ForkInfo fork;
    Ending ending = Ending::kKeep;
    std::optional<MergeResult> merge;

    [[nodiscard]] std::string_view name() const {
        if (merge && is_refused(*merge)) return "refused";
        return fork.status == ForkStatus::kLive ? "kept" : fork_status_name(fork.status);
    }
};

/// The store is closed again when this returns: the command is to open it.
Result<ForkInfo> make_fork(Program& program, const RunFlags& flags) {
    ASSIGN_OR_RETURN(ForkOptions options, flags.create.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    if (options.creator.empty()) options.creator = "chronos fork run";
    ASSIGN_OR_RETURN(ForkInfo fork, create_fork(store, flags.create, options));
    RETURN_IF_ERROR(store.close());
    return fork;
}

/// The path as it is from anywhere: the command may go to another directory.
Result<std::string> whole_path(const std::string& path) {
    if (path.starts_with('/')) return path;
    std::array<char, PATH_MAX> directory{};
    if (::getcwd(directory.data(), directory.size()) != nullptr) return directory.data() + ("/" + path);
    return base::fail(ErrorCode::kIo, "cannot tell where we are: " + std::generic_category().message(errno));
}

/// What the command is told in its environment: the fork, and the store that has it.
Result<int> run_command(const Program& program, const RunFlags& flags, const ForkInfo& fork) {
    const CommonOptions& common = program.common;
    // An empty variable is as one that is not set; one of ours may be set to another store.
    std::vector<std::string> variables = {"CHRONOS_FORK=" + fork.id, "CHRONOS_URL=" + common.url};
    if (common.url.empty()) {
        ASSIGN_OR_RETURN(const std::string directory, whole_path(common.directory));
        variables.push_back("CHRONOS_DIR=" + directory);
        return run_in_foreground(flags.command, variables);
    }
    for (const auto& [name, path] :
         {std::pair("CHRONOS_API_KEY_FILE=", &common.api_key_file), std::pair("CHRONOS_CA_FILE=", &common.ca_file)}) {
        if (path->empty()) continue;
        ASSIGN_OR_RETURN(const std::string whole, whole_path(*path));
        variables.push_back(name + whole);
    }
    return run_in_foreground(flags.command, variables);
}

/// A command that could not be run leaves no fork behind.
Error discard_unused(Program& program, const ForkInfo& fork, Error error) {
    const Result<std::unique_ptr<client::Endpoint>> endpoint = open_endpoint(program);
    if (!endpoint.ok()) return error;
    client::Endpoint* store = endpoint->get();
    const Result<ForkInfo> now = store->fork(fork.id);
    if (now.ok() && now->own_event_count == 0) (void)store->discard_fork(fork.id);
    (void)store->close();
    return error;
}

Ending ask_for_ending(const Outcome& outcome) {
    const std::string question = "merge, keep or discard " + fork_title(outcome.fork) + "? [m/K/d]";
    switch (ask(question, "mkd", 'k')) {
        case 'm': return Ending::kMerge;
        case 'd': return Ending::kDiscard;
        default: return Ending::kKeep;
    }
}

Ending choose_ending(const Program& program, const RunFlags& flags, const Outcome& outcome, int exit_code) {
    if (flags.discard) return Ending::kDiscard;
    if (flags.keep || exit_code != 0) return Ending::kKeep;
    if (flags.merge_if_ok) return Ending::kMerge;
    if (!can_ask(program)) return Ending::kKeep;
    // There is nothing to decide about nothing.
    return outcome.fork.own_event_count == 0 ? Ending::kDiscard : ask_for_ending(outcome);
}

Status carry_out(client::Endpoint& store, Outcome& outcome) {
    if (outcome.ending == Ending::kMerge) {
        ASSIGN_OR_RETURN(outcome.merge, store.merge_fork(outcome.fork.id));
    } else if (outcome.ending == Ending::kDiscard) {
        ASSIGN_OR_RETURN(const ForkInfo discarded, store.discard_fork(outcome.fork.id));
    }
    ASSIGN_OR_RETURN(outcome.fork, store.fork(outcome.fork.id));
    return {};
}

void write_outcome(Program& program, const Outcome& outcome, int exit_code) {
    if (program.common.json) {
        std::string out;
        json::ObjectWriter writer(out);
        writer.raw_field("fork", wire::fork_as_json(outcome.fork))
            .field("exit_code", exit_code)
            .field("outcome", outcome.name());
        if (outcome.merge) writer.raw_field("merge", wire::merge_as_json(*outcome.merge, false));
        writer.end();
        return program.out.line(out);
    }
    if (outcome.merge) program.out.write(merge_as_text(*outcome.merge, false, program.style()));
    if (outcome.fork.status != ForkStatus::kLive && !outcome.merge)
        program.out.line(fork_title(outcome.fork) + ": " + fork_life_text(outcome.fork, program.now()));
    if (outcome.fork.status == ForkStatus::kLive)
        program.out.line("kept " + fork_title(outcome.fork) + ", " + fork_life_text(outcome.fork, program.now()) +
                         "; merge or discard it with `chronos fork merge` or `discard`");
}

/// Shows what the command did and brings the fork to its end. Answers our own exit code.
Result<int> conclude(Program& program, const RunFlags& flags, const ForkInfo& fork, int exit_code) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    Outcome outcome;
    ASSIGN_OR_RETURN(outcome.fork, store.fork(fork.id));
    const bool was_ended = outcome.fork.status == ForkStatus::kMerged || outcome.fork.status == ForkStatus::kDiscarded;
    if (was_ended) {  // by the command itself
        write_outcome(program, outcome, exit_code);
        RETURN_IF_ERROR(store.close());
        return kExitOk;
    }
    ASSIGN_OR_RETURN(const Changes changes, store.fork_changes(outcome.fork, ""));
    RETURN_IF_ERROR(write_changes(program, changes));
    outcome.ending = choose_ending(program, flags, outcome, exit_code);
    RETURN_IF_ERROR(carry_out(store, outcome));
    write_outcome(program, outcome, exit_code);
    RETURN_IF_ERROR(store.close());
    return outcome.merge && is_refused(*outcome.merge) ? kExitConflict : kExitOk;
}

Result<int> run_fork_run(Program& program, const RunFlags& flags) {
    ASSIGN_OR_RETURN(const ForkInfo fork, make_fork(program, flags));
    program.note("on fork " + fork_title(fork) + ", " + fork_life_text(fork, fork.created_at));
    Result<int> exit_code = run_command(program, flags, fork);
    if (!exit_code.ok()) return discard_unused(program, fork, std::move(exit_code).error());
    if (*exit_code != 0) program.note(flags.command.front() + " failed with exit code " + std::to_string(*exit_code));
    Result<int> concluded = conclude(program, flags, fork, *exit_code);
    if (!concluded.ok()) {
        Error error = base::with_context(std::move(concluded).error(), "fork " + fork.id + " is left as it is");
        if (*exit_code == 0) return error;
        program.note(error.message);
        return *exit_code;
    }
    return *exit_code != 0 ? *exit_code : *concluded;
}

}  // namespace

void add_fork_run_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<RunFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "run",
                     .about = "Run a command on a fresh fork: CHRONOS_FORK and CHRONOS_DIR are set for it; afterwards "
                              "show what it changed and merge, keep or discard the fork",
                     .example = "chronos fork run --ttl 10m -- ./reprice.sh\n"
                                "  chronos fork run --merge-if-ok -- chronos ingest prices.ndjson",
                     .appends = true});
    flags->create.add_to(command);
    CLI::Option* merge = command->add_flag("--merge-if-ok", flags->merge_if_ok,
                                           "Merge if the command succeeds; if it fails, or there are conflicts, keep");
    CLI::Option* keep = command->add_flag("--keep", flags->keep, "Keep the fork until it expires");
    CLI::Option* discard =
        command->add_flag("--discard", flags->discard, "Discard the fork, also if the command fails");
    keep->excludes(merge)->excludes(discard);
    discard->excludes(merge);
    add_passed_on(command, "command", flags->command, "The command and its arguments, behind --");
    on_chosen(command, program, [flags](Program& p) { return run_fork_run(p, *flags); });
}

}  // namespace chronos::app
