// Which entry of a history gave each field the value it has.
#include <string_view>
#include <unordered_map>
#include <utility>

#include "chronos/state.h"

namespace chronos {

std::vector<FieldHistory> field_histories(std::span<const HistoryEntry> entries) {
    std::vector<FieldHistory> fields;
    std::vector<bool> is_there;
    std::unordered_map<std::string_view, std::size_t> known;  // keys are the entries'
    for (std::size_t i = 0; i < entries.size(); ++i) {
        for (const FieldChange& change : entries[i].changes) {
            const auto [found, is_new] = known.try_emplace(change.pointer, fields.size());
            if (is_new) {
                fields.push_back({.pointer = change.pointer, .value = {}});
                is_there.push_back(false);
            }
            FieldHistory& field = fields[found->second];
            is_there[found->second] = change.after.has_value();
            field.value = change.after.value_or(std::string());
            field.entry_index = i;
            ++field.change_count;
        }
    }
    std::vector<FieldHistory> left;
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (is_there[i]) left.push_back(std::move(fields[i]));
    return left;
}

}  // namespace chronos
