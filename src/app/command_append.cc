// chronos append: one event by options, or a request in JSON.
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/input.h"
#include "app/options.h"
#include "app/read_options.h"
#include "app/time_text.h"
#include "base/result.h"
#include "embedded/append_request.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::size_t kPayloadBytesMax = std::size_t{16} << 20;
constexpr std::size_t kRequestBytesMax = std::size_t{64} << 20;

struct AppendFlags {
    std::string entity, type, payload, payload_file, metadata, id, occurred_at, expected_version;
    std::string fail_if_match, after, idempotency_key, from;
    std::vector<std::string> tags;
    std::string durability = "durable";
    bool accept_clock = false;
    CLI::Option* payload_option = nullptr;
};

Result<ExpectedVersion> parse_expected_version(const std::string& text) {
    if (text.empty() || text == "any") return ExpectedVersion::any();
    if (text == "none") return ExpectedVersion::none();
    if (text == "exists") return ExpectedVersion::exists();
    std::uint64_t version = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, version);
    if (error == std::errc() && stop == end) return ExpectedVersion::exactly(version);
    return base::fail(ErrorCode::kInvalidArgument,
                      "--expected-version '" + text + "': write a number, none, exists or any");
}

Result<std::string> read_text(Program& program, const std::string& path, std::size_t size_max) {
    ASSIGN_OR_RETURN(const auto input, Input::open(program.world.files, path));
    return read_all(*input, size_max);
}

Result<std::string> payload_of(Program& program, const AppendFlags& flags) {
    if (!flags.payload_file.empty())
        return read_text(program, flags.payload_file, kPayloadBytesMax);
    if (flags.payload == "-") return read_text(program, "-", kPayloadBytesMax);
    return flags.payload_option->count() > 0 ? flags.payload : std::string("{}");
}

/// A batch with the condition of --fail-if-match, if there is one, and no event yet.
Result<BatchBuilder> conditions_of(const AppendFlags& flags) {
    if (flags.fail_if_match.empty()) {
        if (flags.after.empty()) return BatchBuilder();
        return base::fail(ErrorCode::kInvalidArgument, "--after belongs to --fail-if-match");
    }
    std::string condition;
    json::ObjectWriter writer(condition);
    writer.raw_field("fail_if_events_match", flags.fail_if_match);
    if (!flags.after.empty()) {
        ASSIGN_OR_RETURN(const Position after, parse_position(flags.after, "--after"));
        writer.field("after", after.value);
    }
    writer.end();
    Result<BatchBuilder> batch =
        embedded::parse_append_request(R"({"events":[],"conditions":[)" + condition + "]}");
    if (!batch.ok()) return base::with_context(std::move(batch).error(), "--fail-if-match");
    return batch;
}

Result<BatchBuilder> batch_of(Program& program, const AppendFlags& flags) {
    ASSIGN_OR_RETURN(BatchBuilder batch, conditions_of(flags));
    ASSIGN_OR_RETURN(const std::string payload, payload_of(program, flags));
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
    ASSIGN_OR_RETURN(event.occurred_at,
                     parse_time_option(flags.occurred_at, "--occurred-at", program.now()));
    ASSIGN_OR_RETURN(event.expected_version, parse_expected_version(flags.expected_version));
    batch.add(event);
    return batch;
}

std::string result_as_json(const AppendResult& result) {
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
    json::ObjectWriter(out)
        .raw_field("events", events + "]")
        .field("timestamp", result.recorded_at.to_string())
        .field("durability", durability_name(result.durability))
        .field("duplicate", result.duplicate)
        .end();
    return out;
}

void write_result(Program& program, const AppendResult& result) {
    if (program.common.json) return program.out.line(result_as_json(result));
    const std::string suffix = "  " + std::string(durability_name(result.durability)) +
                               (result.duplicate ? "  duplicate" : "");
    for (const AppendedEvent& event : result.events) {
        program.out.line("version " + std::to_string(event.version.value) + "  position " +
                         std::to_string(event.position.value) + "  " + event.id.to_string() +
                         suffix);
    }
    if (result.events.empty()) program.out.line("the conditions hold" + suffix);
}

Result<int> run_append(Program& program, const AppendFlags& flags) {
    AppendOptions options{.durability =
                              flags.durability == "os" ? Durability::kOs : Durability::kDurable};
    if (!flags.idempotency_key.empty()) options.idempotency_key = flags.idempotency_key;
    std::optional<BatchBuilder> batch;
    std::string request;
    if (!flags.from.empty()) {
        ASSIGN_OR_RETURN(request, read_text(program, flags.from, kRequestBytesMax));
    } else {
        if (flags.entity.empty() || flags.type.empty())
            return base::fail(ErrorCode::kInvalidArgument,
                              "--entity and --type are needed, or --from");
        ASSIGN_OR_RETURN(batch, batch_of(program, flags));
    }
    ASSIGN_OR_RETURN(Store store, open_for_writing(program, {.accept_clock = flags.accept_clock}));
    Result<AppendResult> result =
        batch ? store.append(std::move(*batch), options) : store.append_json(request, options);
    if (!result.ok()) return std::move(result).error();
    write_result(program, *result);
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

}  // namespace

void add_append_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<AppendFlags>();
    CLI::App* command = add_command(
        parent, program,
        {.name = "append",
         .about = "Append one event, or a request in JSON",
         .example =
             "chronos append --entity order:1 --type order.placed --payload '{\"total\": 42}' "
             "--expected-version none\n  chronos append --from request.json",
         .appends = true});
    command->add_option("--entity", flags->entity, "The entity it is about")->type_name("ENTITY");
    command->add_option("--type", flags->type, "What happened, as in order.placed")
        ->type_name("TYPE");
    flags->payload_option =
        command
            ->add_option("--payload", flags->payload, "JSON, or - for standard input (default: {})")
            ->type_name("JSON");
    command->add_option("--payload-file", flags->payload_file, "The payload is in this file")
        ->type_name("FILE")
        ->excludes(flags->payload_option);
    command
        ->add_option("--metadata", flags->metadata,
                     "A JSON object; known: actor, correlation_id, causation_id")
        ->type_name("JSON");
    add_repeatable(command, "--tag", flags->tags, "A tag; repeat for more")->type_name("TAG");
    command->add_option("--id", flags->id, "Of the event; an id that is known makes it a duplicate")
        ->type_name("UUID");
    command->add_option("--occurred-at", flags->occurred_at, "When it happened (default: now)")
        ->type_name("TIME");
    command
        ->add_option("--expected-version", flags->expected_version,
                     "Of the entity before: a number, none, exists or any")
        ->type_name("VERSION");
    command
        ->add_option(
            "--fail-if-match", flags->fail_if_match,
            R"(Refuse if an event matches, as in {"items":[{"types":["t"],"tags":["a:1"]}]})")
        ->type_name("JSON");
    command
        ->add_option("--after", flags->after,
                     "With --fail-if-match: only events after this position count")
        ->type_name("POSITION");
    command->add_option("--idempotency-key", flags->idempotency_key, "Makes a retry a duplicate")
        ->type_name("TEXT");
    command
        ->add_option("--durability", flags->durability,
                     "durable: on disk; os: handed to the operating system")
        ->check(CLI::IsMember({"durable", "os"}))
        ->capture_default_str();
    command->add_flag("--accept-clock", flags->accept_clock,
                      "Append although the clock is far off the last event");
    CLI::Option* from =
        command
            ->add_option(
                "--from", flags->from,
                R"(A file, or -, with one event, an array, or {"events":[],"conditions":[]})")
            ->type_name("FILE");
    for (const char* name :
         {"--entity", "--type", "--payload", "--payload-file", "--metadata", "--tag", "--id",
          "--occurred-at", "--expected-version", "--fail-if-match", "--after"})
        from->excludes(command->get_option(name));
    on_chosen(command, program, [flags](Program& p) { return run_append(p, *flags); });
}

}  // namespace chronos::app
