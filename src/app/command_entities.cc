// chronos entities: which ones there are.
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/options.h"
#include "app/read_options.h"
#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::uint32_t kPageEntities = 10'000;

struct EntitiesFlags {
    std::string prefix, after;
    std::uint64_t limit = 1000;
    ViewFlags view;
};

Result<int> run_entities(Program& program, const EntitiesFlags& flags) {
    ASSIGN_OR_RETURN(ViewOptions view_options, flags.view.resolve(program.now()));
    ASSIGN_OR_RETURN(const auto endpoint, open_endpoint(program));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.view.fork));
    view_options.branch = branch.name;
    ASSIGN_OR_RETURN(const auto pinned, store.view(view_options));
    const client::EndpointView& view = *pinned;
    std::string after = flags.after;
    std::uint64_t left = flags.limit;
    bool more = true;
    while (left > 0 && more && !program.out.broken()) {
        const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kPageEntities));
        ASSIGN_OR_RETURN(const auto entities, view.entities(flags.prefix, after, wanted));
        for (const std::string& entity : entities) {
            std::string line;
            if (program.common.json) json::ObjectWriter(line).field("entity_id", entity).end();
            program.out.line(program.common.json ? line : base::harmless(entity));
        }
        more = entities.size() == wanted;
        left -= entities.size();
        if (!entities.empty()) after = entities.back();
    }
    if (after == flags.after) program.note("no entity starts with '" + flags.prefix + "'");
    if (!more || left > 0) return kExitOk;
    ASSIGN_OR_RETURN(const auto next, view.entities(flags.prefix, after, 1));
    if (next.empty()) return kExitOk;
    if (program.common.json) {
        std::string line;
        json::ObjectWriter(line).field("next_after", after).end();
        program.out.line(line);
    }
    program.note("there are more; add --limit N, or --after " + after);
    return kExitOk;
}

}  // namespace

void add_entities_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<EntitiesFlags>();
    CLI::App* command = add_command(
        parent, program,
        {.name = "entities", .about = "List the entities, sorted", .example = "chronos entities --prefix order:"});
    command->add_option("--prefix", flags->prefix, "Only those that start with this")->type_name("TEXT");
    command->add_option("--after", flags->after, "Only those behind this one")->type_name("ENTITY");
    command->add_option("--limit", flags->limit, "At most this many")
        ->check(whole_number(1, kCountMax))
        ->capture_default_str();
    flags->view.add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_entities(p, *flags); });
}

}  // namespace chronos::app
