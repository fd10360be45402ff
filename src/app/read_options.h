// The options that say which events to read and what view to read them in; the same on every
// command that reads.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/fork_option.h"
#include "app/program.h"
#include "chronos/read.h"
#include "chronos/state.h"

namespace chronos::app {

/// --fork, --at, --known-at, --as-of.
struct ViewFlags {
    ForkFlag fork;
    std::string at, known_at, as_of;

    void add_to(CLI::App* command);
    /// Everything but the branch, which only an open store knows: choose_branch.
    [[nodiscard]] Result<ViewOptions> resolve(Timestamp now) const;
};

/// --entity, --type, --tag, --where and so on.
struct FilterFlags {
    std::vector<std::string> entities, types, tags, tests;
    std::string entity_prefix, type_prefix;
    std::string since, until, occurred_since, occurred_until;
    std::string correlation_id, causation_id, actor;

    void add_to(CLI::App* command);
    [[nodiscard]] Result<Filter> resolve(Timestamp now) const;
};

/// --fold, --fold-order.
struct FoldFlags {
    std::string fold = "merge", order = "stream";

    void add_to(CLI::App* command);
    [[nodiscard]] StateOptions resolve() const;
};

/// Reads a position given to option `name`; a time there is answered with the option for times.
Result<Position> parse_position(const std::string& text, const std::string& name);
/// Reads a time given to option `name`; empty is absent.
Result<std::optional<Timestamp>> parse_time_option(const std::string& text, const std::string& name, Timestamp now);

/// One entity and nothing else is asked for.
bool is_single_entity(const Filter& filter);
/// "--type order.paid --since 2026-01-01T00:00:00Z"; empty for every event.
std::string filter_text(const Filter& filter);

/// " as of 2026-01-01T00:00:00Z" and the like; empty for everything up to now on main.
std::string view_text(const ViewOptions& options);

}  // namespace chronos::app
