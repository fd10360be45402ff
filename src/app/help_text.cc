#include "app/help_text.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

namespace chronos::app {
namespace {

/// The parser has the name of a type and what checks say of it in one: "UINT:1 to 256", "TEXT:{durable,os}".
struct TypeText {
    std::string name, check;
};

TypeText type_of(const CLI::Option& option) {
    const std::string all = option.get_type_name();
    const std::size_t colon = all.find(':');
    TypeText type{.name = all.substr(0, colon), .check = colon == std::string::npos ? "" : all.substr(colon + 1)};
    // Units; the description has an example.
    if (type.name == "SIZE") type.check.clear();
    if (type.name == "UINT" || type.name == "INT") type.name = "N";
    if (type.check.starts_with('{') && type.check.ends_with('}')) {
        type.name = type.check.substr(1, type.check.size() - 2);
        std::replace(type.name.begin(), type.name.end(), ',', '|');
        type.check.clear();
    }
    return type;
}

std::string names_of(const std::set<CLI::Option*>& options) {
    std::vector<std::string> names;
    for (const CLI::Option* option : options) names.push_back(option->get_name());
    std::sort(names.begin(), names.end());
    return CLI::detail::join(names, ", ");
}

}  // namespace

std::string HelpText::make_option_opts(const CLI::Option* option) const {
    if (option->get_type_size() == 0) return {};
    const TypeText type = type_of(*option);
    const bool is_list =
        option->get_positional() && option->get_expected_max() == CLI::detail::expected_max_vector_size;
    return (type.name.empty() ? "" : " " + type.name) + (is_list ? " ..." : "");
}

std::string HelpText::make_option_desc(const CLI::Option* option) const {
    std::vector<std::string> notes;
    const bool takes_value = option->get_type_size() != 0;
    if (takes_value && option->get_required()) notes.emplace_back("required");
    if (takes_value && !type_of(*option).check.empty()) notes.push_back(type_of(*option).check);
    if (takes_value && !option->get_default_str().empty()) notes.push_back("default: " + option->get_default_str());
    if (!option->get_envname().empty()) notes.push_back("or $" + option->get_envname());
    if (!option->get_needs().empty()) notes.push_back("only with " + names_of(option->get_needs()));
    if (!option->get_excludes().empty()) notes.push_back("not with " + names_of(option->get_excludes()));
    if (notes.empty()) return option->get_description();
    return option->get_description() + " (" + CLI::detail::join(notes, "; ") + ")";
}

}  // namespace chronos::app
