// chronos completions: scripts for shells, made from the command line itself so that they cannot be
// out of date. Which forks there are they ask the program, when it matters.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"
#include "app/options.h"

namespace chronos::app {
namespace {

/// A command with the words that lead to it: {"import", "git"}.
struct Command {
    std::vector<std::string> path;
    const CLI::App* app;
};

void collect(const CLI::App& app, const std::vector<std::string>& path, std::vector<Command>& commands) {
    commands.push_back({path, &app});
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
        std::vector<std::string> child_path = path;
        child_path.push_back(child->get_name());
        collect(*child, child_path, commands);
    }
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
    return text;
}

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

std::vector<std::string> child_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(child->get_name());
    return names;
}

/// `text` between single quotes, as bash, zsh and fish read them.
std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'')
            out += "'\\''";
        else
            out += c == '\n' ? ' ' : c;
    }
    return out + "'";
}

/// Whether its value is a fork, or main.
bool is_fork(const CLI::Option& option) {
    return option.get_type_name() == "FORK" || option.get_type_name() == "BRANCH";
}

bool takes_fork(const CLI::App& app) {
    const auto& options = app.get_options();
    return std::any_of(options.begin(), options.end(),
                       [](const CLI::Option* option) { return option->get_positional() && is_fork(*option); });
}

/// The values an option may have, as its check lists them; none if it may have any.
std::vector<std::string> values_of(const CLI::Option& option) {
    if (is_fork(option) && !option.get_positional()) return {"main"};
    const std::string type = option.get_type_name();
    const std::size_t begin = type.find('{');
    const std::size_t end = type.find('}', begin);
    if (end == std::string::npos) return {};
    return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

/// Commands and options, and values where they are known.
std::vector<std::string> words_of(const CLI::App& app) {
    std::vector<std::string> words = child_names(app);
    for (const CLI::Option* option : app.get_options()) {
        if (!option->get_positional()) continue;
        for (const std::string& value : values_of(*option)) words.push_back(value);
    }
    for (const std::string& option : option_names(app)) words.push_back(option);
    return words;
}

/// The parts of a case statement in which bash and zsh agree.
struct Cases {
    std::string commands;  ///< Patterns: every command.
    std::string valued;    ///< Patterns: every option that takes a value.
    std::string words;     ///< For each command, its words.
    std::string values;    ///< For each option of a command with known values, those.
};

/// Where forks may stand, beside what else may: a case that says so.
constexpr std::string_view kAndForks = "; forks=1";

/// `before` and `after` are put around the words that a case offers.
Cases cases_of(const std::vector<Command>& commands, const std::string& before, const std::string& after) {
    Cases cases;
    const auto add_pattern = [](std::string& patterns, const std::string& pattern) {
        if (("|" + patterns + "|").find("|" + pattern + "|") != std::string::npos) return;
        patterns += (patterns.empty() ? "" : "|") + pattern;
    };
    for (const Command& command : commands) {
        const std::string path = joined(command.path, " ");
        if (!path.empty()) add_pattern(cases.commands, shell_quoted(path));
        cases.words += "        (" + shell_quoted(path) + ") " + before + joined(words_of(*command.app), " ") + after;
        if (takes_fork(*command.app)) cases.words += kAndForks;
        cases.words += " ;;\n";
        for (const CLI::Option* option : command.app->get_options()) {
            if (option->get_items_expected_max() == 0) continue;
            std::string patterns;
            for (const std::string& name : option->get_lnames()) {
                add_pattern(cases.valued, "--" + name);
                add_pattern(patterns, shell_quoted(path + " --" + name));
            }
            const std::vector<std::string> values = values_of(*option);
            if (patterns.empty() || values.empty()) continue;
            cases.values += "        (" + patterns + ") " + before + joined(values, " ") + after;
            if (is_fork(*option)) cases.values += kAndForks;
            cases.values += " ;;\n";
        }
    }
    return cases;
}

/// Finds the command among the words before the cursor: sets `command`, and `store` to the options that say which
/// store it is.
std::string find_command(const Cases& cases, const std::string& words_before) {
    return "    for word in " + words_before +
           "; do\n"
           "        case \"$skip\" in (--dir|--url|--api-key-file|--ca-file) store+=(\"$skip=$word\") ;; esac\n"
           "        if [[ -n $skip ]]; then skip=''; continue; fi\n"
           "        case \"$word\" in (--dir=*|--url=*|--api-key-file=*|--ca-file=*) store+=(\"$word\") ;; esac\n"
           "        case \"$word\" in (" +
           cases.valued +
           ") skip=\"$word\"; continue ;; esac\n"
           "        case \"${command:+$command }$word\" in\n"
           "        (" +
           cases.commands +
           ") command=\"${command:+$command }$word\" ;;\n"
           "        esac\n"
           "    done\n";
}

std::string bash_script(const std::vector<Command>& commands) {
    const Cases cases = cases_of(commands, "offered='", "'");
    return "# bash completion of chronos. Use: source <(chronos completions bash)\n"
           "_chronos() {\n"
           "    local word command='' skip='' offered='' forks='' fork\n"
           "    local -a store\n"
           "    local current=\"${COMP_WORDS[COMP_CWORD]}\" "
           "previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n" +
           find_command(cases, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"") +
           "    if [[ -n $skip ]]; then case \"$command $previous\" in\n" + cases.values +
           "    esac; else case \"$command\" in\n" + cases.words +
           "    esac; fi\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$offered\" -- \"$current\")\n"
           "    if [[ -z $forks ]]; then return; fi\n"
           "    while IFS= read -r fork; do\n"
           "        if [[ $fork = \"$current\"* ]]; then COMPREPLY+=(\"$(printf %q \"$fork\")\"); fi\n"
           "    done < <(\"${1:-chronos}\" fork list --names \"${store[@]}\" 2>/dev/null)\n"
           "}\n"
           "complete -o default -F _chronos chronos\n";
}

std::string zsh_script(const std::vector<Command>& commands) {
    const Cases cases = cases_of(commands, "offered=(", ")");
    return "#compdef chronos\n"
           "# zsh completion of chronos. Use: source <(chronos completions zsh)\n"
           "_chronos() {\n"
           "    local word command='' skip='' forks='' previous=\"${words[CURRENT-1]}\"\n"
           "    local -a offered store\n" +
           find_command(cases, "\"${(@)words[2,CURRENT-1]}\"") +
           "    if [[ -n $skip ]]; then case \"$command $previous\" in\n" + cases.values +
           "    esac; else case \"$command\" in\n" + cases.words +
           "    esac; fi\n"
           "    if [[ -n $forks ]]; then\n"
           "        offered+=(\"${(@f)$(\"${words[1]}\" fork list --names \"${store[@]}\" "
           "2>/dev/null)}\")\n"
           "        offered=(\"${(@)offered:#}\")\n"
           "    fi\n"
           "    compadd -a offered || _files\n"
           "}\n"
           "if [[ \"${funcstack[1]}\" = _chronos ]]; then\n"
           "    _chronos \"$@\"\n"
           "else\n"
           "    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
           "    compdef _chronos chronos\n"
           "fi\n";
}

std::string fish_condition(const Command& command) {
    std::string condition;
    for (const std::string& word : command.path)
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    const std::vector<std::string> children = child_names(*command.app);
    if (condition.empty()) return "__fish_use_subcommand";
    if (!children.empty()) condition += "; and not __fish_seen_subcommand_from " + joined(children, " ");
    return condition;
}

std::string fish_script(const std::vector<Command>& commands) {
    std::string out =
        "# fish completion of chronos. Use: chronos completions fish | source\n"
        "function __chronos_forks\n"
        "    set -l words (commandline -opc)\n"
        "    set -l store\n"
        "    for i in (seq (count $words))\n"
        "        if string match -qr -- '^--(dir|url|api-key-file|ca-file)=' $words[$i]\n"
        "            set -a store $words[$i]\n"
        "        else if contains -- $words[$i] --dir --url --api-key-file --ca-file; and test $i -lt (count $words)\n"
        "            set -a store $words[$i]=$words[(math $i + 1)]\n"
        "        end\n"
        "    end\n"
        "    $words[1] fork list --names $store 2>/dev/null\n"
        "end\n";
    for (const Command& command : commands) {
        const std::string start = "complete -c chronos -n " + shell_quoted(fish_condition(command));
        for (const CLI::App* child : command.app->get_subcommands([](const CLI::App*) { return true; }))
            out.append(start)
                .append(" -f -a ")
                .append(child->get_name())
                .append(" -d ")
                .append(shell_quoted(child->get_description()))
                .append("\n");
        for (const CLI::Option* option : command.app->get_options()) {
            std::string values = joined(values_of(*option), " ");
            if (is_fork(*option)) values += " (__chronos_forks)";
            if (option->get_positional() && !values.empty())
                out.append(start).append(" -f -a ").append(shell_quoted(values)).append("\n");
            for (const std::string& name : option->get_lnames()) {
                out.append(start).append(" -l ").append(name);
                if (option->get_items_expected_max() > 0)
                    out += values.empty() ? " -r" : " -x -a " + shell_quoted(values);
                out.append(" -d ").append(shell_quoted(option->get_description())).append("\n");
            }
        }
    }
    return out;
}

}  // namespace

void add_completions_command(CLI::App& parent, Program& program) {
    auto shell = std::make_shared<std::string>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "completions",
                                     .about = "Print what a shell needs to complete commands and options",
                                     .example = "source <(chronos completions bash)"});
    command->add_option("shell", *shell, "bash, zsh or fish")->required()->check(one_of({"bash", "zsh", "fish"}));
    on_chosen(command, program, [shell, &parent](Program& p) -> Result<int> {
        std::vector<Command> commands;
        collect(parent, {}, commands);
        p.out.write(*shell == "bash"  ? bash_script(commands)
                    : *shell == "zsh" ? zsh_script(commands)
                                      : fish_script(commands));
        return kExitOk;
    });
}

}  // namespace chronos::app
