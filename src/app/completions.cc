// chronos completions: scripts for shells, made from the command line itself so that they cannot be
// out of date.
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/failure.h"

namespace chronos::app {
namespace {

/// A command with the words that lead to it: {"import", "git"}.
struct Command {
    std::vector<std::string> path;
    const CLI::App* app;
};

void collect(const CLI::App& app, const std::vector<std::string>& path,
             std::vector<Command>& commands) {
    commands.push_back({path, &app});
    for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
        std::vector<std::string> child_path = path;
        child_path.push_back(child->get_name());
        collect(*child, child_path, commands);
    }
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : std::string(separator)) + word;
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

std::string bash_script(const std::vector<Command>& commands) {
    std::string cases;
    std::string groups;
    for (const Command& command : commands) {
        std::vector<std::string> words = child_names(*command.app);
        for (const std::string& option : option_names(*command.app)) words.push_back(option);
        cases += "        " + shell_quoted(joined(command.path, " ")) +
                 ") words=" + shell_quoted(joined(words, " ")) + " ;;\n";
        if (!command.path.empty())
            groups += (groups.empty() ? "" : "|") + shell_quoted(joined(command.path, " "));
    }
    return "# bash completion of chronos. Use: source <(chronos completions bash)\n"
           "_chronos() {\n"
           "    local word path='' words current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "        case \"${path:+$path }$word\" in\n"
           "        " +
           groups +
           ") path=\"${path:+$path }$word\" ;;\n"
           "        esac\n"
           "    done\n"
           "    case \"$path\" in\n" +
           cases +
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
           "}\n"
           "complete -o default -F _chronos chronos\n";
}

std::string zsh_script(const std::vector<Command>& commands) {
    return "#compdef chronos\n"
           "# zsh completion of chronos. Use: source <(chronos completions zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(commands);
}

std::string fish_condition(const Command& command) {
    std::string condition;
    for (const std::string& word : command.path)
        condition += (condition.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
    const std::vector<std::string> children = child_names(*command.app);
    if (condition.empty()) return "__fish_use_subcommand";
    if (!children.empty())
        condition += "; and not __fish_seen_subcommand_from " + joined(children, " ");
    return condition;
}

std::string fish_script(const std::vector<Command>& commands) {
    std::string out = "# fish completion of chronos. Use: chronos completions fish | source\n";
    for (const Command& command : commands) {
        const std::string start = "complete -c chronos -n " + shell_quoted(fish_condition(command));
        for (const CLI::App* child :
             command.app->get_subcommands([](const CLI::App*) { return true; }))
            out.append(start)
                .append(" -f -a ")
                .append(child->get_name())
                .append(" -d ")
                .append(shell_quoted(child->get_description()))
                .append("\n");
        for (const CLI::Option* option : command.app->get_options()) {
            for (const std::string& name : option->get_lnames()) {
                out.append(start).append(" -l ").append(name);
                if (option->get_items_expected_max() > 0) out += " -r";
                out.append(" -d ").append(shell_quoted(option->get_description())).append("\n");
            }
        }
    }
    return out;
}

}  // namespace

void add_completions_command(CLI::App& parent, Program& program) {
    auto shell = std::make_shared<std::string>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "completions",
                     .about = "Print what a shell needs to complete commands and options",
                     .example = "source <(chronos completions bash)"});
    command->add_option("shell", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
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
