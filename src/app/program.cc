#include "app/program.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

#include "app/input.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"

namespace chronos::app {

Style Program::style() const {
    return {.enabled = !common.json && !common.no_color && is_terminal(Stream::kOutput) && terminal_has_colors()};
}

void Program::note(std::string_view text) const {
    if (common.quiet || common.json) return;
    write_to_stderr(harmless_lines(text) + "\n");
}

bool Program::shows_progress() const { return !common.quiet && !common.json && is_terminal(Stream::kErrors); }

namespace {

constexpr std::uint64_t kForkLimitMax = 10'000'000;

void take_variable(const char* name, std::string& option) {
    if (option.empty()) option = environment_variable(name).value_or("");
}

/// The number that `check`, of an option, makes of a variable; 0 if it is not set.
Result<std::uint64_t> number_of_variable(const char* name, const CLI::Validator& check) {
    std::string text = environment_variable(name).value_or("");
    if (text.empty()) return 0;
    std::uint64_t number = 0;
    std::string wrong;
    try {
        wrong = check(text);
        if (wrong.empty() && !CLI::detail::lexical_cast(text, number)) wrong = "not a number";
    } catch (const CLI::ValidationError& error) {
        wrong = error.what();
    }
    if (!wrong.empty()) return base::fail(ErrorCode::kInvalidArgument, std::string(name) + ": " + wrong);
    return number;
}

Status check_reach(const CommonOptions& options, Reach reach) {
    if (reach == Reach::kEither || reach == Reach::kOwnOrServer || options.url.empty()) return {};
    return base::fail(ErrorCode::kInvalidArgument,
                      "this command works on a directory and cannot ask a server; leave out --url and CHRONOS_URL, or "
                      "give --dir");
}

}  // namespace

Status complete_common_options(CommonOptions& options, Reach reach) {
    options.directory_was_given = !options.directory.empty();
    if (options.directory_was_given && !options.url.empty())
        return base::fail(ErrorCode::kInvalidArgument, "--dir and --url name two stores; give one of them");
    const bool heeds_variable = reach == Reach::kEither || reach == Reach::kFiles;
    if (!options.directory_was_given && heeds_variable) take_variable("CHRONOS_URL", options.url);
    RETURN_IF_ERROR(check_reach(options, reach));
    take_variable("CHRONOS_DIR", options.directory);
    options.directory_was_named = !options.directory.empty();
    if (!options.directory_was_named) options.directory = "./chronos-data";
    take_variable("CHRONOS_API_KEY_FILE", options.api_key_file);
    take_variable("CHRONOS_CA_FILE", options.ca_file);
    if (options.memory_budget == 0) {
        ASSIGN_OR_RETURN(options.memory_budget, number_of_variable("CHRONOS_MEMORY_BUDGET", CLI::AsSizeValue(false)));
    }
    if (options.fork_limit == 0) {
        ASSIGN_OR_RETURN(const std::uint64_t limit,
                         number_of_variable("CHRONOS_FORK_LIMIT", whole_number(1, kForkLimitMax)));
        options.fork_limit = static_cast<std::uint32_t>(limit);
    }
    return {};
}

void add_common_options(CLI::App& app, CommonOptions& options) {
    app.add_option("--dir", options.directory, "Directory of the store (default: $CHRONOS_DIR, or ./chronos-data)")
        ->type_name("DIR");
    app.add_option("--url", options.url, "A server to ask instead, as http://127.0.0.1:3900 (default: $CHRONOS_URL)")
        ->type_name("URL");
    app.add_option("--api-key-file", options.api_key_file,
                   "File with the API key for the server; the variable CHRONOS_API_KEY has the key itself")
        ->type_name("FILE");
    app.add_option("--ca-file", options.ca_file, "Certificates to trust besides the system's, PEM")->type_name("FILE");
    app.add_flag("--json", options.json, "Answer in JSON, errors too");
    app.add_flag("--quiet", options.quiet, "No notes and no progress bar");
    app.add_flag("--no-color", options.no_color, "No colours; NO_COLOR does the same");
    app.add_option("--memory-budget", options.memory_budget,
                   "Memory to keep to, as 512MiB (default: a quarter of the machine's, at most 4GiB)")
        ->transform(CLI::AsSizeValue(false))
        ->type_name("SIZE");
    app.add_option("--fork-limit", options.fork_limit, "Live forks at most (default: 1000)")
        ->check(whole_number(1, kForkLimitMax));
}

CLI::App* add_command(CLI::App& parent, Program& program, const CommandText& text) {
    CLI::App* command = parent.add_subcommand(text.name, text.about);
    command->footer("\nExample:\n  " + text.example);
    add_common_options(*command, program.common);
    command->preparse_callback([&program, appends = text.appends, reach = text.reach](std::size_t) {
        program.appends = program.appends || appends;
        program.reach = reach;
    });
    return command;
}

void on_chosen(CLI::App* command, Program& program, std::function<Result<int>(Program&)> run) {
    command->callback([&program, run = std::move(run)] { program.chosen = run; });
}

namespace {

/// Shows how far the log is read back, for stores where that takes a while.
std::function<void(std::uint64_t, std::uint64_t)> recovery_progress(Program& program) {
    if (!program.shows_progress()) return {};
    auto bar = std::make_shared<ProgressBar>(program, "reading the log");
    return [bar](std::uint64_t done, std::uint64_t total) {
        bar->set_total(total);
        bar->update({.done = done});
        if (done >= total) bar->finish();
    };
}

}  // namespace

Result<client::ClientOptions> client_options(const Program& program) {
    client::ClientOptions options{.url = program.common.url, .ca_file = program.common.ca_file};
    if (program.common.api_key_file.empty()) {
        options.api_key = environment_variable("CHRONOS_API_KEY").value_or("");
        return options;
    }
    ASSIGN_OR_RETURN(const auto input, Input::open(program.common.api_key_file));
    constexpr std::size_t kKeyBytesMax = 1'024;
    std::array<char, kKeyBytesMax> bytes;
    for (std::size_t size = 1; size > 0 && options.api_key.size() < kKeyBytesMax;) {
        ASSIGN_OR_RETURN(size, input->read(bytes));
        options.api_key.append(bytes.data(), size);
    }
    while (!options.api_key.empty() && options.api_key.back() <= ' ') options.api_key.pop_back();
    return options;
}

Result<std::unique_ptr<client::Endpoint>> open_endpoint(Program& program) {
    if (!program.common.url.empty()) {
        ASSIGN_OR_RETURN(const client::ClientOptions options, client_options(program));
        return client::connect(options);
    }
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    return client::endpoint_of(std::move(store), program.common.directory);
}

namespace {

/// Of a store that another process has open: what to do, where that may be a server.
Error locked_store(const Program& program, Error error) {
    if (program.reach == Reach::kEither)
        error.message +=
            "; if that is a server, ask it: --url http://127.0.0.1:3900 (and --api-key-file) instead of --dir";
    return error;
}

}  // namespace

Result<Store> open_for_reading(Program& program, OpenOptions options) {
    const std::string& directory = program.common.directory;
    options.directory = directory;
    options.create_if_missing = false;
    if (options.memory_budget == 0) options.memory_budget = program.common.memory_budget;
    if (program.common.fork_limit != 0) options.fork_limit = program.common.fork_limit;
    options.on_progress = recovery_progress(program);
    Result<Store> store = Store::open(options);
    if (!store.ok() && store.error().code == ErrorCode::kNotFound) {
        return base::fail(ErrorCode::kNotFound,
                          "there is no store in " + directory + "; `chronos init --dir " + directory + "` makes one");
    }
    if (!store.ok() && store.error().code == ErrorCode::kLocked) return locked_store(program, std::move(store).error());
    return store;
}

Result<Store> open_for_writing(Program& program, OpenOptions options) {
    options.directory = program.common.directory;
    if (options.memory_budget == 0) options.memory_budget = program.common.memory_budget;
    if (program.common.fork_limit != 0) options.fork_limit = program.common.fork_limit;
    options.on_progress = recovery_progress(program);
    options.create_if_missing = options.in_memory;
    Result<Store> store = Store::open(options);
    if (!store.ok() && store.error().code == ErrorCode::kLocked) return locked_store(program, std::move(store).error());
    if (store.ok() || store.error().code != ErrorCode::kNotFound) return store;
    options.create_if_missing = true;
    store = Store::open(options);
    if (store.ok()) program.note("made a new store in " + options.directory);
    return store;
}

std::optional<std::string> environment_variable(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here changes the environment
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

}  // namespace chronos::app
