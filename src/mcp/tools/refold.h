// Folding a history once more: in another order, or for the value of one field.
//
// Threads: free functions.
#pragma once

#include <string_view>
#include <vector>

#include "chronos/state.h"
#include "json/merge_tree.h"

namespace chronos::mcp {

/// Folds the payload of an event in, as the store does. Errors: kLimitExceeded.
Status fold_payload(json::MergeTree& tree, const Event& event, Fold fold,
                    std::vector<json::FieldChange>* changes = nullptr);

/// The history in the order in which its events occurred, ties by version, with what each of them changes then. (A
/// server gives pages of a history by version, so it is asked for in the order of the stream.)
///
/// Errors: kLimitExceeded.
Result<std::vector<HistoryEntry>> by_occurrence(std::vector<HistoryEntry> entries, Fold fold);

/// Whether `pointer` is `field` or leads into it.
bool is_inside(std::string_view pointer, std::string_view field);

/// Whether the event changed the value of the field: at it, within it, or by putting something else above it.
bool touches(const HistoryEntry& entry, std::string_view field);

}  // namespace chronos::mcp
