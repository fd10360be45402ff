#include "mcp_cli/commands.h"

#include <fmt/core.h>

#include <memory>
#include <utility>

#include "app/failure.h"
#include "app/json_text.h"
#include "app/terminal.h"
#include "base/result.h"
#include "base/utf8.h"
#include "mcp/json_rpc.h"
#include "mcp_cli/connection.h"
#include "wire/duration_text.h"

namespace chronos::mcp_cli {
namespace {

using mcp::text_of;

Result<std::unique_ptr<Connection>> connection_of(Options& options) {
    return connect_to(options.program, options.command);
}

/// Adds a command with the common options, and --command.
CLI::App* add_command(CLI::App& parent, Options& options, const app::CommandText& text) {
    CLI::App* command = app::add_command(parent, options.program, text);
    command->add_option("--command", options.command, "A server to start and speak to, as 'chronos mcp --dir data'")
        ->type_name("COMMAND");
    return command;
}

ErrorCode code_named(const std::string& name) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::kGone); ++i) {
        if (error_code_name(static_cast<ErrorCode>(i)) == name) return static_cast<ErrorCode>(i);
    }
    return ErrorCode::kInvalidArgument;
}

/// What a tool refused, as an error of this program: what was wrong, and what to try.
Error error_of(const CallResult& result) {
    if (!result.structured.is_object() || !result.structured.contains("error"))
        return base::fail(ErrorCode::kInvalidArgument, base::shortened(result.text, 500));
    const Json& error = result.structured["error"];
    const std::string advice = result.structured.value("try", "");
    return base::fail(code_named(error.value("code", "")),
                      error.value("message", "") + (advice.empty() ? "" : "; " + advice));
}

/// The answer of a call that went well. Errors: what the tool refused.
Result<Json> answer_of(Connection& connection, const std::string& tool, const Json& arguments) {
    ASSIGN_OR_RETURN(CallResult result, connection.call(tool, arguments));
    if (result.is_error) return error_of(result);
    return std::move(result.structured);
}

struct QueryFlags {
    std::string entity, time, fork, fold_order;
};

/// "0.3ms"; more decimals where there is less.
std::string milliseconds(std::int64_t ns) {
    const double ms = static_cast<double>(ns) / 1e6;
    return fmt::format("{:.{}f}ms", ms, ms < 0.1 ? 2 : 1);
}

/// The tool speaks of its arguments, and who called of options.
Error in_words_of_query(Error error, const QueryFlags& flags) {
    constexpr std::string_view kArgument = "as_of";
    if (!flags.time.empty() && error.message.starts_with(kArgument))
        error.message.replace(0, kArgument.size(), "--time-travel");
    return error;
}

/// Names as they are, between commas.
std::string listed(const Json& names) {
    std::string out;
    for (const Json& name : names)
        out += (out.empty() ? "" : ", ") + base::harmless(name.is_string() ? name.get<std::string>() : text_of(name));
    return out;
}

Result<int> run_query(Options& options, const QueryFlags& flags) {
    app::Program& program = options.program;
    ASSIGN_OR_RETURN(const auto connection, connection_of(options));
    Json arguments = {{"entity_id", flags.entity}, {"max_tokens", 20'000}};
    if (!flags.time.empty()) arguments["as_of"] = flags.time;
    if (!flags.fork.empty()) arguments["fork"] = flags.fork;
    if (!flags.fold_order.empty()) arguments["fold_order"] = flags.fold_order;
    if (!program.common.json)
        program.out.line("Reconstructing state at " + (flags.time.empty() ? "now" : base::harmless(flags.time)) +
                         "...");
    const std::int64_t start_ns = program.world.clock.monotonic_ns();
    Result<Json> answered = answer_of(*connection, "get_state", arguments);
    if (!answered.ok()) return in_words_of_query(std::move(answered).error(), flags);
    const Json& answer = *answered;
    const std::int64_t took_ns = program.world.clock.monotonic_ns() - start_ns;
    if (program.common.json) {
        program.out.line(text_of(answer));
        return answer.value("exists", false) ? app::kExitOk : app::kExitNotFound;
    }
    const auto count = answer.value("events_counted", std::uint64_t{0});
    program.out.line("✓ Found " + app::with_separators(count) + (count == 1 ? " event" : " events"));
    if (const auto late = answer.value("late_events", std::uint64_t{0}); late > 0)
        program.out.line(
            "! Of these " + app::with_separators(late) +
            " came late: they were recorded after others that occurred later, and count as " +
            (flags.fold_order == "occurred" ? "occurred" : "recorded; --fold-order occurred counts them as occurred"));
    const Json& stored = answer.contains("untrusted") ? answer["untrusted"] : Json();
    if (!answer.value("exists", false)) {
        std::string message = "there is no entity " + flags.entity + (flags.time.empty() ? "" : " then");
        if (answer.contains("first_event_at"))
            message += "; its first event is of " + answer.value("first_event_at", "");
        else if (stored.is_object() && stored.contains("did_you_mean") && !stored["did_you_mean"].empty())
            message += "; nearest ids: " + listed(stored["did_you_mean"]);
        return base::fail(ErrorCode::kNotFound, message);
    }
    program.out.line("✓ Applied projections");
    program.out.line("✓ State reconstructed in " + milliseconds(took_ns));
    if (stored.is_object() && stored.contains("state")) program.out.line(app::pretty_json(text_of(stored["state"])));
    return app::kExitOk;
}

struct ForkFlags {
    std::string name, parent, ttl = "3600";
};

Result<int> run_create_fork(Options& options, const ForkFlags& flags) {
    app::Program& program = options.program;
    ASSIGN_OR_RETURN(const std::int64_t ttl_ns, wire::parse_duration(flags.ttl));
    ASSIGN_OR_RETURN(const auto connection, connection_of(options));
    constexpr std::int64_t kSecondNs = 1'000'000'000;
    Json arguments = {{"ttl_seconds", ttl_ns / kSecondNs}};
    if (!flags.name.empty()) arguments["name"] = flags.name;
    if (!flags.parent.empty()) arguments["parent"] = flags.parent;
    ASSIGN_OR_RETURN(const Json answer, answer_of(*connection, "fork_create", arguments));
    if (program.common.json) {
        program.out.line(text_of(answer));
        return app::kExitOk;
    }
    program.out.line("Fork created: " + base::harmless(answer.value("fork", "")));
    program.out.line("Ready for experimentation 🧪");
    const std::string expires_at = answer.value("expires_at", "");
    if (!expires_at.empty())
        program.out.line("It expires at " + base::harmless(expires_at) +
                         "; read it with: mcp-cli query --entity ENTITY --fork " +
                         base::harmless(answer.value("fork", "")));
    return app::kExitOk;
}

Result<int> run_tools(Options& options) {
    app::Program& program = options.program;
    ASSIGN_OR_RETURN(const auto connection, connection_of(options));
    ASSIGN_OR_RETURN(const Json tools, connection->tools());
    if (program.common.json) {
        program.out.line(text_of(tools));
        return app::kExitOk;
    }
    std::size_t width = 0;
    for (const Json& tool : tools) width = std::max(width, app::text_width(tool.value("name", "")));
    const app::Style style = program.style();
    for (const Json& tool : tools)
        program.out.line(style.bold(app::padded(tool.value("name", ""), width)) + "  " +
                         base::harmless(tool.value("description", "")));
    return app::kExitOk;
}

struct CallFlags {
    std::string tool, arguments = "{}";
};

Result<int> run_call(Options& options, const CallFlags& flags) {
    app::Program& program = options.program;
    const Json arguments = Json::parse(flags.arguments, nullptr, false);
    if (!arguments.is_object())
        return base::fail(ErrorCode::kInvalidArgument,
                          "the arguments are a JSON object, as '{\"entity_id\": \"order:1\"}'");
    if (!mcp::keeps_numbers(flags.arguments))
        return base::fail(ErrorCode::kInvalidArgument,
                          "a number in the arguments has more digits than are kept; give it as a string");
    ASSIGN_OR_RETURN(const auto connection, connection_of(options));
    ASSIGN_OR_RETURN(const CallResult result, connection->call(flags.tool, arguments));
    if (result.structured.is_null() && !program.common.json) {
        program.out.line(app::harmless_lines(result.text));
    } else {
        const std::string text = result.structured.is_null() ? text_of(Json(result.text)) : text_of(result.structured);
        program.out.line(program.common.json ? text : app::pretty_json(text));
    }
    // A plan that waits to be confirmed is no failure, although servers mark it so that nobody takes it for done.
    const bool is_plan = result.structured.is_object() && result.structured.value("confirmation_required", false);
    return result.is_error && !is_plan ? app::exit_code_of(error_of(result).code) : app::kExitOk;
}

void write_advice(app::Program& program, const Json& advice) {
    const app::Style style = program.style();
    const Json calls = advice["untrusted"].value("calls", Json::array());
    std::size_t index = 0;
    for (const Json& step : advice["steps"]) {
        const Json arguments = index < calls.size() ? calls[index] : Json::object();
        ++index;
        program.out.line(std::to_string(index) + ". " + style.bold(step.value("tool", "")) + " " +
                         base::harmless(text_of(arguments)));
        program.out.line("   " + step.value("why", "") + " (" +
                         app::with_separators(step.value("rows", std::uint64_t{0})) + " rows, about " +
                         app::with_separators(step.value("tokens", std::uint64_t{0})) + " tokens)");
    }
    if (!advice["pitfalls"].empty()) program.out.line(style.bold("Look out:"));
    for (const Json& pitfall : advice["pitfalls"]) program.out.line("- " + base::harmless(pitfall.get<std::string>()));
    // What the sentences above speak of.
    for (const char* name : {"similar_event_types", "personal_fields"}) {
        if (advice["untrusted"].contains(name))
            program.out.line("  untrusted." + std::string(name) + ": " + listed(advice["untrusted"][name]));
    }
    for (const Json& row : advice["guidance"]) {
        program.out.line(style.bold("On " + row.value("subject", "") + ":"));
        program.out.line("  " + row.value("text", ""));
    }
}

Result<int> run_ask_advice(Options& options, const std::string& question) {
    app::Program& program = options.program;
    ASSIGN_OR_RETURN(const auto connection, connection_of(options));
    ASSIGN_OR_RETURN(const Json advice, answer_of(*connection, "advise", {{"question", question}}));
    const bool is_advice = advice.is_object() && advice.contains("steps") && advice.contains("pitfalls") &&
                           advice.contains("guidance") && advice.contains("untrusted");
    if (program.common.json || !is_advice)
        program.out.line(text_of(advice));
    else
        write_advice(program, advice);
    return app::kExitOk;
}

}  // namespace

void add_query_command(CLI::App& parent, Options& options) {
    auto flags = std::make_shared<QueryFlags>();
    CLI::App* command = add_command(parent, options,
                                    {.name = "query",
                                     .about = "Reconstruct the state of an entity, now or at a time",
                                     .example = "mcp-cli query --entity user-123 --time-travel 2024-01-01"});
    command->add_option("--entity", flags->entity, "The entity's id")->type_name("ENTITY")->required();
    command->add_option("--time-travel,--as-of", flags->time, "What had happened by this time (default: now)")
        ->type_name("TIME");
    command->add_option("--fork", flags->fork, "A fork's id or name")->type_name("FORK");
    command->add_option("--fold-order", flags->fold_order, "How late events count: as recorded, or as they occurred")
        ->check(CLI::IsMember({"stream", "occurred"}));
    app::on_chosen(command, options.program, [flags, &options](app::Program&) { return run_query(options, *flags); });
}

void add_create_fork_command(CLI::App& parent, Options& options) {
    auto flags = std::make_shared<ForkFlags>();
    CLI::App* command = add_command(parent, options,
                                    {.name = "create-fork",
                                     .about = "Make a fork to try something on",
                                     .example = "mcp-cli create-fork --ttl 3600",
                                     .appends = true});
    command->add_option("--ttl", flags->ttl, "How long it lives: seconds, or as 10m, 2h, 7d")
        ->type_name("DURATION")
        ->capture_default_str();
    command->add_option("--name", flags->name, "Of the fork, unique among live ones")->type_name("NAME");
    command->add_option("--from", flags->parent, "The branch it begins on (default: main)")->type_name("BRANCH");
    app::on_chosen(command, options.program,
                   [flags, &options](app::Program&) { return run_create_fork(options, *flags); });
}

void add_tools_command(CLI::App& parent, Options& options) {
    CLI::App* command =
        add_command(parent, options, {.name = "tools", .about = "List the tools", .example = "mcp-cli tools --json"});
    app::on_chosen(command, options.program, [&options](app::Program&) { return run_tools(options); });
}

void add_call_command(CLI::App& parent, Options& options) {
    auto flags = std::make_shared<CallFlags>();
    CLI::App* command = add_command(parent, options,
                                    {.name = "call",
                                     .about = "Call a tool and show its answer",
                                     .example = "mcp-cli call get_history '{\"entity_id\": \"order:1\"}'"});
    command->add_option("tool", flags->tool, "Its name")->type_name("NAME")->required();
    command->add_option("arguments", flags->arguments, "A JSON object")->type_name("JSON");
    app::on_chosen(command, options.program, [flags, &options](app::Program&) { return run_call(options, *flags); });
}

void add_ask_advice_command(CLI::App& parent, Options& options) {
    auto question = std::make_shared<std::string>();
    CLI::App* command = add_command(parent, options,
                                    {.name = "ask-advice",
                                     .about = "Ask which calls answer a question, and what to look out for",
                                     .example = "mcp-cli ask-advice 'why was order:1 repriced?'"});
    command->add_option("question", *question, "In words")->type_name("TEXT")->required();
    app::on_chosen(command, options.program,
                   [question, &options](app::Program&) { return run_ask_advice(options, *question); });
}

}  // namespace chronos::mcp_cli
