// Batches as tests send them: plain values that outlive the append, so that they can be sent again and compared.
//
// Threads: values.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/append.h"
#include "event/batch_content.h"

namespace chronos::testing {

struct SentEvent {
    std::string entity_id;
    std::string event_type;
    std::string payload = "{}";
    std::string metadata;
    std::vector<std::string> tags;
    std::optional<Uuid> id;
    std::optional<Timestamp> occurred_at;
    ExpectedVersion expected_version;
    bool unvalidated = false;

    /// Sorted and without repeats, as they are stored.
    [[nodiscard]] std::vector<std::string> stored_tags() const {
        std::vector<std::string> sorted = tags;
        std::sort(sorted.begin(), sorted.end());
        sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
        return sorted;
    }
};

struct SentBatch {
    std::vector<SentEvent> events;
    std::vector<Condition> conditions;
    AppendOptions options;

    [[nodiscard]] BatchBuilder build() const {
        BatchBuilder builder;
        for (const SentEvent& event : events) {
            const std::vector<std::string_view> tags(event.tags.begin(), event.tags.end());
            builder.add({.entity_id = event.entity_id,
                         .event_type = event.event_type,
                         .payload = event.payload,
                         .metadata = event.metadata,
                         .tags = tags,
                         .id = event.id,
                         .occurred_at = event.occurred_at,
                         .expected_version = event.expected_version,
                         .unvalidated = event.unvalidated});
        }
        for (const Condition& condition : conditions) builder.add_condition(condition);
        return builder;
    }
};

inline bool matches(const Query& query, const SentEvent& event) {
    if (query.all) return true;
    const std::vector<std::string> tags = event.stored_tags();
    return std::any_of(query.items.begin(), query.items.end(), [&](const QueryItem& item) {
        const bool type_fits =
            item.types.empty() || std::find(item.types.begin(), item.types.end(), event.event_type) != item.types.end();
        return type_fits && std::all_of(item.tags.begin(), item.tags.end(), [&](const std::string& tag) {
                   return std::binary_search(tags.begin(), tags.end(), tag);
               });
    });
}

inline bool holds(const ExpectedVersion& expected, std::uint64_t version) {
    switch (expected.kind) {
        case ExpectedVersion::Kind::kAny: return true;
        case ExpectedVersion::Kind::kNone: return version == 0;
        case ExpectedVersion::Kind::kExists: return version > 0;
        case ExpectedVersion::Kind::kExactly: return version == expected.version.value;
    }
    return false;
}

}  // namespace chronos::testing
