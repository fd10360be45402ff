#include "app/options.h"

#include <algorithm>
#include <charconv>

#include "base/result.h"
#include "base/utf8.h"
#include "wire/similar_words.h"

namespace chronos::app {
namespace {

/// "; did you mean init?", or nothing when no word is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
    std::string best;
    std::size_t best_distance = word.size() / 3 + 2;
    for (const std::string& candidate : known) {
        const std::size_t steps = wire::edit_distance(word, candidate);
        if (steps >= best_distance) continue;
        best = candidate;
        best_distance = steps;
    }
    return best.empty() ? best : "; did you mean " + best + "?";
}

std::string listed(const std::vector<std::string>& words, std::string_view separator) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
    return text;
}

const CLI::App& chosen_command(const CLI::App& app) {
    const auto commands = app.get_subcommands();
    return commands.empty() ? app : chosen_command(*commands.front());
}

}  // namespace

CLI::Validator whole_number(std::uint64_t min, std::uint64_t max) {
    const std::string range = std::to_string(min) + " to " + std::to_string(max);
    return {[min, max, range](std::string& text) -> std::string {
                std::uint64_t number = 0;
                const char* end = text.data() + text.size();
                const auto [stop, error] = std::from_chars(text.data(), end, number);
                const bool is_decimal = text.size() == 1 || !text.starts_with('0');
                if (error == std::errc() && stop == end && is_decimal && number >= min && number <= max) return {};
                return "'" + base::shortened(text) + "' is not a whole number from " + range;
            },
            max < kCountMax ? range : std::string()};
}

CLI::Validator one_of(const std::vector<std::string>& words) {
    return {[words](std::string& text) -> std::string {
                if (std::find(words.begin(), words.end(), text) != words.end()) return {};
                return "'" + base::shortened(text) + "' is none of " + listed(words, ", ");
            },
            "{" + listed(words, ",") + "}"};
}

CLI::Option* add_repeatable(CLI::App* command, const std::string& name, std::vector<std::string>& values,
                            const std::string& about) {
    return command->add_option(name, values, about)->expected(1, 1 << 20)->allow_extra_args(false);
}

CLI::Option* add_passed_on(CLI::App* command, const std::string& name, std::vector<std::string>& words,
                           const std::string& about) {
    command->positionals_at_end();
    return command->add_option(name, words, about)->required();
}

void add_durability(CLI::App* command, Durability& durability) {
    command
        ->add_option_function<std::string>(
            "--durability",
            [&durability](const std::string& text) {
                durability = text == "os" ? Durability::kOs : Durability::kDurable;
            },
            "durable: on disk; os: handed to the operating system")
        ->check(one_of({"durable", "os"}))
        ->default_str("durable");
}

void add_accept_clock(CLI::App* command, bool& accept_clock) {
    command->add_flag("--accept-clock", accept_clock, "Append although the clock is far off the last event");
}

Status check_no_value_is_empty(const CLI::App& app) {
    for (const CLI::Option* option : app.get_options()) {
        // Words for another program.
        if (option->get_positional() && app.get_positionals_at_end()) continue;
        const auto& values = option->results();
        if (std::none_of(values.begin(), values.end(), [](const std::string& value) { return value.empty(); }))
            continue;
        const std::string advice = option->get_positional() ? "" : "leave it out, or ";
        return base::fail(ErrorCode::kInvalidArgument,
                          option->get_name() + " has an empty value; " + advice + "give one");
    }
    for (const CLI::App* command : app.get_subcommands()) RETURN_IF_ERROR(check_no_value_is_empty(*command));
    return {};
}

Error unknown_arguments(const CLI::App& app) {
    const CLI::App& command = chosen_command(app);
    const std::vector<std::string> arguments = app.remaining(true);
    const std::string& first = arguments.front();
    std::vector<std::string> commands;
    for (const CLI::App* child : command.get_subcommands([](const CLI::App*) { return true; }))
        commands.push_back(child->get_name());
    std::vector<std::string> options;
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames()) options.push_back("--" + name);

    std::string message;
    if (first.starts_with("-")) {
        const std::string name = first.substr(0, first.find('='));
        message = "there is no option " + base::shortened(name) + suggestion(name, options);
    } else if (!commands.empty()) {
        message = "there is no command " + base::shortened(first) + suggestion(first, commands);
    } else {
        message = "not expected: " + base::shortened(listed(arguments, " "), 200);
    }
    return base::fail(ErrorCode::kInvalidArgument, std::move(message));
}

}  // namespace chronos::app
