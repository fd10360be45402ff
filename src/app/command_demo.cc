// chronos demo: a short tour with figures measured while it runs.
#include <fmt/core.h>

#include <memory>

#include "app/changes_text.h"
#include "app/commands.h"
#include "app/demo_server.h"
#include "app/failure.h"
#include "app/fork_changes.h"
#include "app/fork_text.h"
#include "app/import_git.h"
#include "app/interrupt.h"
#include "app/measurement.h"
#include "app/merge_text.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/scratch_directory.h"
#include "app/state_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "wire/fork_changes.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kEntities = 100'000;
constexpr std::uint64_t kQueries = 200'000;
constexpr std::size_t kHistoryShown = 5;
constexpr std::int64_t kMonthNs = 30LL * 24 * 3'600 * 1'000'000'000;
constexpr const char* kEditType = "demo.edited";

struct DemoFlags {
    std::string repository;
    std::uint64_t events = 1'000'000;
    bool keep = false;
};

class Demo {
public:
    Demo(Program& program, Store& store, const DemoFlags& flags)
        : program_(program), store_(store), flags_(flags), style_(program.style()) {}

    Status run() {
        RETURN_IF_ERROR(append());
        if (interrupted_by() != 0) return {};
        RETURN_IF_ERROR(query());
        ASSIGN_OR_RETURN(const std::string file, import());
        if (interrupted_by() != 0) return {};
        if (!file.empty()) RETURN_IF_ERROR(travel(file));
        RETURN_IF_ERROR(fork_and_merge(file));
        return append_demo_user(store_);
    }

private:
    void heading(const std::string& text) {
        program_.out.line("\n" + style_.bold(text));
        (void)program_.out.flush();
    }
    void line(const std::string& text) {
        program_.out.line("  " + text);
        (void)program_.out.flush();
    }

    /// Runs `work` and answers how long it took.
    template <typename Work>
    std::int64_t time(Work&& work) {
        const std::int64_t started_ns = program_.world.clock.monotonic_ns();
        work();
        return program_.world.clock.monotonic_ns() - started_ns;
    }

    Status append() {
        heading(fmt::format("Appending {} events of {} entities, 1,000 at a time", with_separators(flags_.events),
                            with_separators(kEntities)));
        const Workload workload({.entities = kEntities});
        ProgressBar progress(program_, " ", flags_.events);
        ASSIGN_OR_RETURN(
            const AppendMeasurement measured,
            measure_append(program_, store_, workload, {.events = flags_.events},
                           [&](std::uint64_t events) { progress.update({.done = events, .events = events}); }));
        progress.finish();
        const std::string method = store_.view()->stats()->commit_method;
        line(fmt::format("{} events per second, {} ({} writes): every batch was on disk before its answer",
                         style_.green(with_separators(static_cast<std::uint64_t>(measured.events_per_second()))),
                         durability_name(measured.durability), method));
        line(fmt::format("{} in {}; a batch waits {} (p50), {} (p99)", human_bytes(measured.payload_bytes),
                         human_duration(measured.elapsed_ns), human_duration(measured.latencies.at(0.5)),
                         human_duration(measured.latencies.at(0.99))));
        return {};
    }

    Status query() {
        heading(fmt::format("Reading the last 10 events of {} random entities, every byte", with_separators(kQueries)));
        ASSIGN_OR_RETURN(const View view, store_.view());
        ASSIGN_OR_RETURN(const auto entities, all_entities(view));
        ASSIGN_OR_RETURN(const QueryMeasurement measured,
                         measure_queries(program_, view, entities, {.last = 10, .queries = kQueries}));
        line(fmt::format("p50 {}, p99 {}", style_.green(human_duration(measured.latencies.at(0.5))),
                         style_.green(human_duration(measured.latencies.at(0.99)))));
        return {};
    }

    /// Imports a repository; answers the entity of a file with a long history, or nothing.
    Result<std::string> import() {
        const bool chosen = !flags_.repository.empty();
        heading("Importing the history of a git repository");
        const std::string repository = chosen ? flags_.repository : ".";
        Result<GitImportResult> result = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns = time(
            [&] { result = import_git(program_, *client::endpoint_over(store_, "demo"), {.repository = repository}); });
        if (!result.ok()) {
            if (chosen) return std::move(result).error();
            line("skipped: " + result.error().message);
            line("`chronos demo path/to/repository` shows it with one of yours");
            return std::string();
        }
        line(fmt::format("{} commits became {} events in {}", with_separators(result->commits),
                         with_separators(result->appended_events), human_duration(elapsed_ns)));
        return result->busiest_file;
    }

    /// Shows a file as it was half-way through its history, and how it became what it is.
    Status travel(const std::string& entity) {
        Page page;
        ASSIGN_OR_RETURN(const View now, store_.view());
        RETURN_IF_ERROR(now.read_entity(entity, {.limit = 100'000}, page));
        const auto& events = page.events();
        if (events.empty()) return {};
        const Timestamp then = events[events.size() / 2].occurred_at;
        heading(fmt::format("{} has {} events; what was it on {}?", base::harmless(entity), events.size(),
                            then.to_string()));
        ASSIGN_OR_RETURN(const View past, store_.view({.as_of = then}));
        RETURN_IF_ERROR(show_state(past, entity, "then"));
        const Timestamp month_ago{program_.now().ns - kMonthNs};
        if (then < month_ago && events.front().occurred_at < month_ago) {
            ASSIGN_OR_RETURN(const View month, store_.view({.as_of = month_ago}));
            RETURN_IF_ERROR(show_state(month, entity, "30 days ago"));
        }
        RETURN_IF_ERROR(show_state(now, entity, "now"));
        return show_history(now, entity);
    }

    Status show_state(const View& view, const std::string& entity, const char* when) {
        Result<State> state = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns = time([&] { state = view.state(entity); });
        if (!state.ok()) return std::move(state).error();
        line(fmt::format("{}: version {}, {} events folded in {}", style_.bold(when), state->version.value,
                         state->folded_events, style_.green(human_duration(elapsed_ns))));
        line("  " + fitted(state->json, 160));
        return {};
    }

    Status show_history(const View& view, const std::string& entity) {
        Result<std::vector<HistoryEntry>> history = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns = time([&] { history = view.history(entity); });
        if (!history.ok()) return std::move(history).error();
        const std::size_t count = history->size();
        const std::size_t first = count > kHistoryShown ? count - kHistoryShown : 0;
        heading(
            fmt::format("Its last {} changes, of {} found in {}", count - first, count, human_duration(elapsed_ns)));
        for (std::size_t i = first; i < count; ++i)
            program_.out.write(history_entry_as_text((*history)[i], style_, 60));
        return program_.out.flush();
    }

    /// Changes two entities in a fork and merges it; then changes one in a fork and on main, and sees the merge
    /// refused.
    Status fork_and_merge(const std::string& file) {
        ASSIGN_OR_RETURN(const View main, store_.view());
        ASSIGN_OR_RETURN(const std::vector<std::string> entities, entities_to_edit(main, file));
        if (entities.size() < 2) return {};
        ASSIGN_OR_RETURN(const ForkInfo tried, make_fork(main, "try"));
        for (const std::string& entity : entities) RETURN_IF_ERROR(edit(entity, "tried in a fork", tried.id));
        RETURN_IF_ERROR(show_changes(tried));
        RETURN_IF_ERROR(merge(tried));

        ASSIGN_OR_RETURN(const View merged, store_.view());
        ASSIGN_OR_RETURN(const ForkInfo late, make_fork(merged, "too late"));
        RETURN_IF_ERROR(edit(entities[0], "changed in the fork", late.id));
        RETURN_IF_ERROR(edit(entities[0], "changed on main meanwhile", "main"));
        line("the fork and main both change " + base::harmless(entities[0]));
        RETURN_IF_ERROR(merge(late));
        ASSIGN_OR_RETURN(const ForkInfo discarded, store_.discard_fork(late.id));
        line("so it is " + std::string(fork_status_name(discarded.status)) + ", and main is as it was");
        return {};
    }

    /// The file and another one; without a repository two of the made-up entities.
    static Result<std::vector<std::string>> entities_to_edit(const View& main, const std::string& file) {
        if (file.empty()) return main.entities("", "", 2);
        ASSIGN_OR_RETURN(std::vector<std::string> entities, main.entities("file:", "", 2));
        std::erase(entities, file);
        entities.insert(entities.begin(), file);
        if (entities.size() > 2) entities.pop_back();
        return entities;
    }

    Result<ForkInfo> make_fork(const View& main, const std::string& purpose) {
        ASSIGN_OR_RETURN(const Stats stats, main.stats());
        heading(fmt::format("A fork of all {} events", with_separators(stats.event_count)));
        Result<ForkInfo> fork = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns =
            time([&] { fork = store_.create_fork({.ttl_ns = kForkTtlNs, .creator = "chronos demo: " + purpose}); });
        if (fork.ok())
            line(fmt::format("{} made in {}, on disk; {}", fork->id, style_.green(human_duration(elapsed_ns)),
                             fork_life_text(*fork, fork->created_at)));
        return fork;
    }

    Status edit(const std::string& entity, std::string_view note, const std::string& branch) {
        std::string payload;
        json::ObjectWriter(payload).field("note", note).end();
        const NewEvent event{.entity_id = entity, .event_type = kEditType, .payload = payload};
        ASSIGN_OR_RETURN(const AppendResult result, store_.append(event, {}, {.branch = branch}));
        (void)result;
        return {};
    }

    Status show_changes(const ForkInfo& fork) {
        Result<Changes> changes = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns = time([&] { changes = wire::changes_of_fork(store_, fork); });
        if (!changes.ok()) return std::move(changes).error();
        heading(fmt::format("What it changed, found in {}; main sees nothing of it", human_duration(elapsed_ns)));
        for (const EntityChange& change : changes->entities)
            program_.out.write(entity_change_as_text(change, {.style = style_, .width = 60}));
        line(changes_summary_as_text(*changes));
        return {};
    }

    Status merge(const ForkInfo& fork) {
        Result<MergeResult> result = base::fail(ErrorCode::kIo, "");
        const std::int64_t elapsed_ns = time([&] { result = store_.merge_fork(fork.id); });
        if (!result.ok()) return std::move(result).error();
        heading("Merging it");
        line("answered in " + style_.green(human_duration(elapsed_ns)));
        if (!is_refused(*result)) {
            program_.out.write("  " + merge_as_text(*result, false, style_));
            return program_.out.flush();
        }
        line(style_.red("refused") + ", and nothing was changed:");
        for (const MergeConflict& conflict : result->conflicts) line(base::harmless(conflict.message));
        return {};
    }

    /// If the demonstration is ended half-way, its forks go by themselves.
    static constexpr std::int64_t kForkTtlNs = 3'600'000'000'000;

    Program& program_;
    Store& store_;
    const DemoFlags& flags_;
    Style style_;
};

/// The data go to --dir where it was given, else to a directory that is removed at the end.
Result<int> run_demo(Program& program, const DemoFlags& flags) {
    if (program.common.json)
        return base::fail(ErrorCode::kInvalidArgument, "demo is for people; `chronos bench --json` is for programs");
    if (!flags.repository.empty()) RETURN_IF_ERROR(check_repository({.repository = flags.repository}));
    std::unique_ptr<ScratchDirectory> scratch;
    catch_interrupts();
    if (!program.common.directory_was_given) {
        ASSIGN_OR_RETURN(scratch, ScratchDirectory::make(program.world.files));
        if (flags.keep) scratch->keep();
        program.common.directory = scratch->path() + "/data";
    }
    program.out.line("The data are in " + program.common.directory +
                     (scratch && !flags.keep ? ", which is removed at the end." : "."));
    ASSIGN_OR_RETURN(Store store, Store::open({.directory = program.common.directory}));
    Status status = Demo(program, store, flags).run();
    Status closed = store.close();
    if (status.ok()) status = std::move(closed);
    if (!status.ok()) return std::move(status).error();
    if (interrupted_by() == 0) RETURN_IF_ERROR(demonstrate_server(program, program.common.directory));
    return interrupted_by() != 0 ? interrupted_exit_code() : kExitOk;
}

}  // namespace

void add_demo_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<DemoFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "demo",
                     .about = "A short tour: appends, queries, the past of a git repository, and forks, measured",
                     .example = "chronos demo path/to/repository",
                     .reach = Reach::kOwnFiles});
    command->add_option("repository", flags->repository, "A git repository (default: the one around this directory)")
        ->type_name("PATH");
    command->add_option("--events", flags->events, "How many to append")
        ->check(whole_number(1, 1'000'000'000))
        ->capture_default_str();
    command->add_flag("--keep", flags->keep, "Do not remove the data at the end");
    on_chosen(command, program, [flags](Program& p) { return run_demo(p, *flags); });
}

}  // namespace chronos::app
