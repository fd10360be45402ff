// chronos append: one event by options, or a request in JSON.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/fork_option.h"
#include "app/input.h"
#include "app/options.h"
#include "app/read_options.h"
#include "base/result.h"
#include "embedded/append_request.h"
#include "embedded/event_line.h"
#include "event/batch_content.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "wire/time_text.h"

namespace chronos::app {
namespace {

constexpr std::size_t kPayloadBytesMax = std::size_t{16} << 20;
constexpr std::size_t kRequestBytesMax = std::size_t{64} << 20;

struct AppendFlags {
    std::string entity, type, payload, payload_file, metadata, id, occurred_at, expected_version;
    std::string fail_if_match, after, idempotency_key, from;
    std::vector<std::string> tags;
    ForkFlag fork;
    Durability durability = Durability::kDurable;
    bool accept_clock = false;
    CLI::Option* payload_option = nullptr;
};

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// JSON given to an option, checked here so that places in messages are those of what was typed.
Status check_json(const std::string& text, const char* option) {
    if (Status status = json::validate_json(text); !status.ok())
        return base::with_context(std::move(status).error(), option);
    return {};
}

Result<std::string> read_text(const std::string& path, std::size_t size_max) {
    ASSIGN_OR_RETURN(const auto input, Input::open(path));
    return read_all(*input, size_max);
}

Result<std::string> payload_of(const AppendFlags& flags) {
    if (!flags.payload_file.empty()) return read_text(flags.payload_file, kPayloadBytesMax);
    if (flags.payload == "-") return read_text("-", kPayloadBytesMax);
    return flags.payload_option->count() > 0 ? flags.payload : std::string("{}");
}

/// The query itself, also where it was given as in a request: {"fail_if_events_match": ...}.
std::string_view query_of(std::string_view text) {
    std::string_view query = json::trimmed(text);
    if (!query.starts_with('{')) return query;
    json::ObjectScanner fields(query);
    if (!fields.next() || fields.raw_key() != "fail_if_events_match") return query;
    const std::string_view inner = fields.value();
    return fields.next() ? query : inner;
}

/// A batch with the condition of --fail-if-match, if there is one, and no event yet.
Result<BatchBuilder> conditions_of(const AppendFlags& flags) {
    if (flags.fail_if_match.empty()) {
        if (flags.after.empty()) return BatchBuilder();
        return wrong("--after belongs to --fail-if-match");
    }
    RETURN_IF_ERROR(check_json(flags.fail_if_match, "--fail-if-match"));
    std::string condition;
    json::ObjectWriter writer(condition);
    writer.raw_field("fail_if_events_match", query_of(flags.fail_if_match));
    if (!flags.after.empty()) {
        ASSIGN_OR_RETURN(const Position after, parse_position(flags.after, "--after"));
        writer.field("after", after.value);
    }
    writer.end();
    Result<BatchBuilder> batch = embedded::parse_append_request(R"({"events":[],"conditions":[)" + condition + "]}");
    if (!batch.ok()) return base::with_context(std::move(batch).error(), "--fail-if-match");
    if (Status status = event::check_query(std::get<NoEventMatches>(batch->content().conditions.front()).query);
        !status.ok())
        return base::with_context(std::move(status).error(), "--fail-if-match");
    return batch;
}

Result<BatchBuilder> batch_of(Program& program, const AppendFlags& flags) {
    ASSIGN_OR_RETURN(BatchBuilder batch, conditions_of(flags));
    ASSIGN_OR_RETURN(const std::string payload, payload_of(flags));
    RETURN_IF_ERROR(check_json(payload, flags.payload_file.empty() ? "--payload" : "--payload-file"));
    if (!flags.metadata.empty()) RETURN_IF_ERROR(check_json(flags.metadata, "--metadata"));
    const std::vector<std::string_view> tags(flags.tags.begin(), flags.tags.end());
    BatchBuilder::EventRef event = {.entity_id = flags.entity,
                                    .event_type = flags.type,
                                    .payload = payload,
                                    .metadata = flags.metadata,
                                    .tags = tags};
    if (!flags.id.empty()) {
        Result<Uuid> id = Uuid::parse(flags.id);
        if (!id.ok()) return base::with_context(std::move(id).error(), "--id");
        event.id = *id;
    }
    ASSIGN_OR_RETURN(event.occurred_at, parse_time_option(flags.occurred_at, "--occurred-at", program.now()));
    if (!flags.expected_version.empty()) {
        const auto expected = embedded::parse_expected_version(flags.expected_version);
        if (!expected)
            return wrong("--expected-version '" + flags.expected_version + "': write a number, none, exists or any");
        event.expected_version = *expected;
    }
    batch.add(event);
    RETURN_IF_ERROR(event::check_content(batch.content(), false));
    return batch;
}

std::string result_as_json(const AppendResult& result, const Branch& branch) {
    std::string events = "[";
    for (const AppendedEvent& event : result.events) {
        if (events.size() > 1) events += ',';
        json::ObjectWriter(events)
            .field("id", event.id.to_string())
            .field("position", event.position.value)
            .field("version", event.version.value)
            .end();
    }
    std::string out;
    json::ObjectWriter writer(out);
    writer.raw_field("events", events + "]").field("branch", branch.name);
    if (branch.expires_at) writer.field("expires_at", branch.expires_at->to_string());
    // A check of conditions alone records nothing.
    if (!result.events.empty()) writer.field("timestamp", result.recorded_at.to_string());
    writer.field("durability", durability_name(result.durability)).field("duplicate", result.duplicate).end();
    return out;
}

void write_result(Program& program, const AppendResult& result, const Branch& branch) {
    if (program.common.json) return program.out.line(result_as_json(result, branch));
    const std::string suffix =
        "  " + std::string(durability_name(result.durability)) + (result.duplicate ? "  duplicate" : "");
    for (const AppendedEvent& event : result.events) {
        program.out.line("version " + std::to_string(event.version.value) + "  position " +
                         std::to_string(event.position.value) + "  " + event.id.to_string() + suffix);
    }
    if (result.events.empty()) program.out.line("the conditions hold" + suffix);
}

Result<int> run_append(Program& program, const AppendFlags& flags) {
    AppendOptions options{.durability = flags.durability};
    if (!flags.idempotency_key.empty()) options.idempotency_key = flags.idempotency_key;
    // Everything is read and checked before a store is opened, or made.
    std::optional<BatchBuilder> batch;
    if (!flags.from.empty()) {
        ASSIGN_OR_RETURN(const std::string request, read_text(flags.from, kRequestBytesMax));
        ASSIGN_OR_RETURN(batch, embedded::parse_append_request(request));
        RETURN_IF_ERROR(event::check_content(batch->content(), false));
    } else {
        if (flags.entity.empty() || flags.type.empty()) return wrong("--entity and --type are needed, or --from");
        ASSIGN_OR_RETURN(batch, batch_of(program, flags));
    }
    ASSIGN_OR_RETURN(const auto endpoint, open_for_writing(program, flags.fork, {.accept_clock = flags.accept_clock}));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    options.branch = branch.name;
    ASSIGN_OR_RETURN(const AppendResult result, store.append(std::move(*batch), options));
    write_result(program, result, branch);
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_append_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<AppendFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "append",
                     .about = "Append one event, or a request in JSON",
                     .example = "chronos append --entity order:1 --type order.placed --payload '{\"total\": 42}' "
                                "--expected-version none\n  chronos append --from request.json",
                     .appends = true});
    command->add_option("--entity", flags->entity, "The entity it is about")->type_name("ENTITY");
    command->add_option("--type", flags->type, "What happened, as in order.placed")->type_name("TYPE");
    flags->payload_option =
        command->add_option("--payload", flags->payload, "JSON, or - for standard input (default: {})")
            ->type_name("JSON");
    command->add_option("--payload-file", flags->payload_file, "The payload is in this file")
        ->type_name("FILE")
        ->excludes(flags->payload_option);
    command->add_option("--metadata", flags->metadata, "A JSON object; known: actor, correlation_id, causation_id")
        ->type_name("JSON");
    add_repeatable(command, "--tag", flags->tags, "A tag; repeat for more")->type_name("TAG");
    command->add_option("--id", flags->id, "Of the event; an id that is known makes it a duplicate")->type_name("UUID");
    command->add_option("--occurred-at", flags->occurred_at, "When it happened (default: now)")->type_name("TIME");
    command
        ->add_option("--expected-version", flags->expected_version,
                     "Of the entity before: a number, none, exists or any")
        ->type_name("VERSION");
    command
        ->add_option("--fail-if-match,--fail-if-events-match", flags->fail_if_match,
                     R"(Refuse if an event matches: {"items":[{"types":["t"],"tags":["a:1"]}]} or {"all":true})")
        ->type_name("JSON");
    command->add_option("--after", flags->after, "With --fail-if-match: only events after this position count")
        ->type_name("POSITION");
    command->add_option("--idempotency-key", flags->idempotency_key, "Makes a retry a duplicate")->type_name("TEXT");
    flags->fork.add_to(command);
    add_durability(command, flags->durability);
    add_accept_clock(command, flags->accept_clock);
    CLI::Option* from = command
                            ->add_option("--from", flags->from,
                                         R"(A file, or -, with one event, an array, or {"events":[],"conditions":[]})")
                            ->type_name("FILE");
    for (const char* name : {"--entity", "--type", "--payload", "--payload-file", "--metadata", "--tag", "--id",
                             "--occurred-at", "--expected-version", "--fail-if-match", "--after"})
        from->excludes(command->get_option(name));
    on_chosen(command, program, [flags](Program& p) { return run_append(p, *flags); });
}

}  // namespace chronos::app
