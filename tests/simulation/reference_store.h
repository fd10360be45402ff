// The plain version of a store: a vector of events and loops over it. What tests compare the engine with.
//
// Threads: used by one thread at a time.
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "chronos/store.h"
#include "simulation/sent_batch.h"

namespace chronos::testing {

struct ReferenceEvent {
    SentEvent sent;
    Uuid id;
    std::uint64_t position = 0;
    std::uint64_t version = 0;
    Timestamp recorded_at;
    Timestamp occurred_at;
    nlohmann::json payload;  // discarded (is_discarded) when it is not JSON
    nlohmann::json metadata;
};

using ReferenceEvents = std::vector<const ReferenceEvent*>;

struct ReferenceState {
    nlohmann::json json = nlohmann::json::object();
    std::uint64_t event_count = 0, version = 0, current_version = 0, late_events = 0;
    std::optional<Timestamp> last_recorded_at, last_occurred_at;
};

inline bool holds(const FieldTest& test, const nlohmann::json& payload) {
    if (payload.is_discarded()) return false;
    const nlohmann::json::json_pointer pointer(test.pointer);
    if (!payload.contains(pointer)) return false;
    const nlohmann::json& value = payload.at(pointer);
    if (test.operation == "exists") return true;
    const nlohmann::json operand = nlohmann::json::parse(test.operand);
    if (test.operation == "=") return value == operand;
    if (test.operation == "!=") return value != operand;
    if (test.operation == "contains") {
        if (value.is_array()) return std::find(value.begin(), value.end(), operand) != value.end();
        if (!operand.is_string()) return false;
        if (value.is_object()) return value.contains(operand.get<std::string>());
        return value.is_string() && value.get<std::string>().find(operand.get<std::string>()) != std::string::npos;
    }
    const bool comparable = (value.is_number() && operand.is_number()) || (value.is_string() && operand.is_string());
    if (!comparable) return false;
    if (test.operation == "<") return value < operand;
    if (test.operation == "<=") return value <= operand;
    if (test.operation == ">") return value > operand;
    return value >= operand;
}

inline bool matches(const Filter& filter, const ReferenceEvent& event) {
    const SentEvent& sent = event.sent;
    const auto is_one_of = [](const std::vector<std::string>& list, const std::string& text) {
        return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
    };
    const auto has_metadata = [&](const char* key, const std::optional<std::string>& value) {
        return !value || (event.metadata.is_object() && event.metadata.contains(key) && event.metadata[key] == *value);
    };
    return is_one_of(filter.event_types, sent.event_type) && sent.event_type.starts_with(filter.event_type_prefix) &&
           is_one_of(filter.entity_ids, sent.entity_id) && sent.entity_id.starts_with(filter.entity_id_prefix) &&
           std::all_of(
               filter.tags.begin(), filter.tags.end(),
               [&](const std::string& tag) { return std::count(sent.tags.begin(), sent.tags.end(), tag) > 0; }) &&
           (!filter.since || event.recorded_at >= *filter.since) &&
           (!filter.until || event.recorded_at <= *filter.until) &&
           (!filter.occurred_since || event.occurred_at >= *filter.occurred_since) &&
           (!filter.occurred_until || event.occurred_at <= *filter.occurred_until) &&
           has_metadata("correlation_id", filter.correlation_id) && has_metadata("causation_id", filter.causation_id) &&
           has_metadata("actor", filter.actor) &&
           std::all_of(filter.fields.begin(), filter.fields.end(),
                       [&](const FieldTest& test) { return holds(test, event.payload); }) &&
           (!filter.query || matches(*filter.query, sent));
}

class ReferenceStore {
public:
    /// Takes a batch that the store answered with `answer`.
    void append(const SentBatch& batch, const AppendResult& answer) {
        for (std::size_t i = 0; i < batch.events.size(); ++i) {
            const SentEvent& sent = batch.events[i];
            events_.push_back(
                {.sent = sent,
                 .id = answer.events[i].id,
                 .position = events_.size(),
                 .version = ++versions_[sent.entity_id],
                 .recorded_at = answer.recorded_at,
                 .occurred_at = sent.occurred_at.value_or(answer.recorded_at),
                 .payload = nlohmann::json::parse(sent.payload, nullptr, false),
                 .metadata = sent.metadata.empty() ? nlohmann::json() : nlohmann::json::parse(sent.metadata)});
        }
    }

    /// What a fork inherits that begins behind the first `count` events.
    [[nodiscard]] ReferenceStore first(std::size_t count) const {
        ReferenceStore inherited;
        inherited.events_.assign(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
        for (const ReferenceEvent& event : inherited.events_) ++inherited.versions_[event.sent.entity_id];
        return inherited;
    }

    /// Forgets the events behind the first `count`.
    void keep_first(std::size_t count) {
        while (events_.size() > count) {
            --versions_[events_.back().sent.entity_id];
            events_.pop_back();
        }
    }

    [[nodiscard]] const std::vector<ReferenceEvent>& events() const { return events_; }
    [[nodiscard]] std::uint64_t version_of(const std::string& entity) const {
        const auto found = versions_.find(entity);
        return found == versions_.end() ? 0 : found->second;
    }

    /// The events of a view, without the `as_of` that hides some of them.
    [[nodiscard]] ReferenceEvents known(const ViewOptions& view) const {
        ReferenceEvents found;
        for (const ReferenceEvent& event : events_)
            if ((!view.at || event.position <= view.at->value) &&
                (!view.known_at || event.recorded_at <= *view.known_at))
                found.push_back(&event);
        return found;
    }

    [[nodiscard]] ReferenceEvents seen(const ViewOptions& view) const {
        ReferenceEvents found = known(view);
        std::erase_if(found,
                      [&](const ReferenceEvent* event) { return view.as_of && event->occurred_at > *view.as_of; });
        return found;
    }

    [[nodiscard]] ReferenceEvents read(const ViewOptions& view, const ReadOptions& options) const {
        ReferenceEvents found = seen(view);
        const bool forward = options.order == Order::kForward;
        std::erase_if(found, [&](const ReferenceEvent* event) {
            if (!matches(options.filter, *event)) return true;
            if (!options.after) return false;
            return forward ? event->position <= options.after->value : event->position >= options.after->value;
        });
        if (!forward) std::reverse(found.begin(), found.end());
        return found;
    }

    [[nodiscard]] ReferenceEvents read_entity(const ViewOptions& view, const std::string& entity,
                                              const EntityReadOptions& options) const {
        ReferenceEvents found = seen(view);
        std::erase_if(found, [&](const ReferenceEvent* event) {
            return event->sent.entity_id != entity || (options.from && event->version < options.from->value) ||
                   (options.to && event->version > options.to->value);
        });
        if (options.order == Order::kBackward) std::reverse(found.begin(), found.end());
        return found;
    }

    [[nodiscard]] std::vector<std::string> entities(const ViewOptions& view, const std::string& prefix,
                                                    const std::string& after, std::size_t limit) const {
        std::set<std::string> ids;
        for (const ReferenceEvent* event : seen(view))
            if (event->sent.entity_id.starts_with(prefix) && event->sent.entity_id > after)
                ids.insert(event->sent.entity_id);
        std::vector<std::string> list(ids.begin(), ids.end());
        if (list.size() > limit) list.resize(limit);
        return list;
    }

    [[nodiscard]] ReferenceState state(const ViewOptions& view, const std::string& entity,
                                       const StateOptions& options) const {
        ReferenceState state;
        for (const ReferenceEvent* event : known(view))
            state.current_version += event->sent.entity_id == entity ? 1U : 0U;
        ReferenceEvents counted = read_entity(view, entity, {});
        for (const ReferenceEvent* event : counted) {
            if (state.last_occurred_at && event->occurred_at < *state.last_occurred_at) ++state.late_events;
            state.last_occurred_at = std::max(state.last_occurred_at.value_or(event->occurred_at), event->occurred_at);
            state.last_recorded_at = event->recorded_at;
            state.version = event->version;
            ++state.event_count;
        }
        if (options.order == FoldOrder::kOccurred)
            std::stable_sort(counted.begin(), counted.end(), [](const ReferenceEvent* a, const ReferenceEvent* b) {
                return a->occurred_at < b->occurred_at;
            });
        for (const ReferenceEvent* event : counted) {
            if (!event->payload.is_object()) continue;
            if (options.fold == Fold::kShallow) {
                state.json.update(event->payload);
            } else {
                state.json.merge_patch(event->payload);
            }
        }
        return state;
    }

private:
    std::vector<ReferenceEvent> events_;
    std::map<std::string, std::uint64_t> versions_;
};

}  // namespace chronos::testing
