// chronos fork list.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "wire/fork_json.h"

namespace chronos::app {
namespace {

constexpr std::size_t kColumns = 5;
/// Longer names are cut in the table; --json shows them whole.
constexpr std::size_t kColumnWidthMax = 40;

using Row = std::array<std::string, kColumns>;

Row row_of(const ForkInfo& fork, Timestamp now) {
    return {fork.id, fork.name, fork_begin_text(fork), with_separators(fork.own_event_count),
            fork_life_text(fork, now)};
}

void write_table(Program& program, const std::vector<ForkInfo>& forks) {
    const Row header{"fork", "name", "from", "own events", "life"};
    std::vector<Row> rows;
    rows.reserve(forks.size());
    for (const ForkInfo& fork : forks) rows.push_back(row_of(fork, program.now()));
    std::array<std::size_t, kColumns> widths{};
    for (std::size_t column = 0; column < kColumns; ++column) {
        widths[column] = text_width(header[column]);
        for (const Row& row : rows)
            widths[column] = std::max(widths[column], std::min(text_width(row[column]), kColumnWidthMax));
    }
    const auto line = [&widths](const Row& row) {
        std::string text;
        for (std::size_t column = 0; column + 1 < kColumns; ++column)
            text += padded(row[column], widths[column]) + "  ";
        return text + row.back();
    };
    program.out.line(program.style().bold(line(header)));
    for (const Row& row : rows) program.out.line(line(row));
}

struct ForkListFlags {
    bool with_ended = false;
    bool names_only = false;
};

Result<int> run_fork_list(Program& program, const ForkListFlags& flags) {
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const std::vector<ForkInfo> forks, store.forks({.with_ended = flags.with_ended}));
    if (flags.names_only) {
        // A name that is an option's start could not be given back.
        for (const ForkInfo& fork : forks)
            program.out.line(fork.name.empty() || fork.name.starts_with('-') ? fork.id : fork.name);
    } else if (program.common.json) {
        for (const ForkInfo& fork : forks) program.out.line(wire::fork_as_json(fork));
    } else if (!forks.empty()) {
        write_table(program, forks);
    } else {
        program.note(flags.with_ended ? "there never was a fork"
                                      : "there is no live fork; --all shows those that have ended");
    }
    return kExitOk;
}

}  // namespace

void add_fork_list_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ForkListFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "list", .about = "List the forks, oldest first", .example = "chronos fork list --all"});
    command->add_flag("--all", flags->with_ended, "Also those that were merged, discarded or have expired");
    command->add_flag("--names", flags->names_only,
                      "Only what each may be called by, its name or else its id, on a line");
    on_chosen(command, program, [flags](Program& p) { return run_fork_list(p, *flags); });
}

}  // namespace chronos::app
