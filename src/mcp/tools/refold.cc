#include "mcp/tools/refold.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "event/time_span.h"
#include "json/validate.h"

namespace chronos::mcp {

Status fold_payload(json::MergeTree& tree, const Event& event, Fold fold, std::vector<json::FieldChange>* changes) {
    if (!json::validate_json(event.payload).ok()) return {};
    const auto kind = fold == Fold::kShallow ? json::FoldKind::kShallow : json::FoldKind::kMergePatch;
    if (auto applied = tree.apply(event.payload, 0, kind, changes); !applied.ok()) return std::move(applied).error();
    return {};
}

Result<std::vector<HistoryEntry>> by_occurrence(std::vector<HistoryEntry> entries, Fold fold) {
    std::stable_sort(entries.begin(), entries.end(), [](const HistoryEntry& a, const HistoryEntry& b) {
        return a.event.occurred_at < b.event.occurred_at;
    });
    json::MergeTree tree;
    std::vector<json::FieldChange> changes;
    const HistoryEntry* before = nullptr;
    for (HistoryEntry& entry : entries) {
        changes.clear();
        RETURN_IF_ERROR(fold_payload(tree, entry.event, fold, &changes));
        entry.changes.clear();
        for (json::FieldChange& change : changes)
            entry.changes.push_back({std::move(change.pointer), std::move(change.before), std::move(change.after)});
        entry.duration_ns.reset();
        if (before != nullptr) entry.duration_ns = event::span_ns(before->event.occurred_at, entry.event.occurred_at);
        before = &entry;
    }
    return entries;
}

bool is_inside(std::string_view pointer, std::string_view field) {
    return pointer == field || (pointer.starts_with(field) && pointer[field.size()] == '/');
}

bool touches(const HistoryEntry& entry, std::string_view field) {
    return field.empty() || std::any_of(entry.changes.begin(), entry.changes.end(), [field](const FieldChange& change) {
               return is_inside(change.pointer, field) || is_inside(field, change.pointer);
           });
}

}  // namespace chronos::mcp
