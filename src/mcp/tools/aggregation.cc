#include "mcp/tools/aggregation.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

#include "json/number.h"
#include "json/scan.h"
#include "json/validate.h"
#include "mcp/tools/answer.h"
#include "mcp/tools/event_rows.h"
#include "mcp/tools/value_key.h"

namespace chronos::mcp {
namespace {

/// Groups, entities and values that are told apart at most: memory stays bounded.
constexpr std::size_t kGroupsMax = 100'000;
constexpr std::size_t kDistinctMax = 10'000;
constexpr std::size_t kKeptBytesMax = std::size_t{64} << 20;

std::vector<json::PointerSegment> segments_of(const std::string& pointer) {
    auto segments = json::parse_pointer(pointer);
    return segments.ok() ? std::move(segments).value() : std::vector<json::PointerSegment>();
}

std::optional<std::string_view> find_field(const EventView& event, const std::vector<json::PointerSegment>& field) {
    if (field.empty() || !json::validate_json(event.payload).ok()) return std::nullopt;
    return json::find_value(json::trimmed(event.payload), field);
}

bool is_number(std::string_view value) {
    return !value.empty() && (value.front() == '-' || (value.front() >= '0' && value.front() <= '9'));
}

bool is_string(std::string_view value) { return value.starts_with('"'); }

/// Numbers by value, strings by their bytes. Requires: both are numbers, or both are strings.
std::strong_ordering compared(std::string_view a, std::string_view b) {
    if (is_number(a)) return json::compare_numbers(a, b);
    std::string scratch_a;
    std::string scratch_b;
    return json::unescaped(json::string_body(a), scratch_a) <=> json::unescaped(json::string_body(b), scratch_b);
}

/// Whether the value is to be kept instead of the one that is: any number goes before any string.
bool replaces(std::string_view value, const std::optional<std::string>& kept, std::strong_ordering wanted) {
    if (!kept) return true;
    if (is_number(value) != is_number(*kept)) return is_number(value);
    return compared(value, *kept) == wanted;
}

Json total_json(WideNs ns) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    if (ns >= -kMax && ns <= kMax) return duration_json(static_cast<std::int64_t>(ns));
    Json out = duration_json(ns < 0 ? -kMax : kMax);
    out["seconds"] = static_cast<double>(ns) / 1e9;
    out["text"] = "beyond " + out["text"].get<std::string>();
    return out;
}

Json durations_json(std::vector<std::int64_t> ns) {
    std::sort(ns.begin(), ns.end());
    const auto total = std::accumulate(ns.begin(), ns.end(), WideNs{0});
    const auto count = static_cast<std::int64_t>(ns.size());
    const std::size_t middle = ns.size() / 2;
    const std::int64_t median = ns.size() % 2 == 1 ? ns[middle] : std::midpoint(ns[middle - 1], ns[middle]);
    Json out;
    out["count"] = count;
    out["min"] = duration_json(ns.front());
    out["avg"] = duration_json(static_cast<std::int64_t>(total / count));
    out["median"] = duration_json(median);
    // The nearest rank: the least that 95 of 100 do not go beyond.
    out["p95"] = duration_json(ns[(ns.size() * 95 + 99) / 100 - 1]);
    out["max"] = duration_json(ns.back());
    out["total"] = total_json(total);
    return out;
}

}  // namespace

Aggregator::Aggregator(Aggregation wanted) : wanted_(std::move(wanted)), field_(segments_of(wanted_.field)) {
    if (wanted_.by.starts_with('/')) by_field_ = segments_of(wanted_.by);
}

bool Aggregator::keep(std::size_t bytes) {
    if (bytes > kKeptBytesMax - kept_bytes_) return false;
    kept_bytes_ += bytes;
    return true;
}

void Aggregator::keep_extreme(std::optional<std::string>& extreme, std::uint64_t& extreme_position,
                              std::string_view value, const EventView& event) {
    const std::size_t before = extreme ? extreme->size() : 0;
    if (value.size() > before && !keep(value.size() - before)) {
        has_too_many_groups_ = true;
        return;
    }
    if (value.size() < before) kept_bytes_ -= before - value.size();
    extreme = std::string(value);
    extreme_position = event.position.value;
}

Tally* Aggregator::find_group(std::string name) {
    if (const auto found = groups_.find(name); found != groups_.end()) return &found->second;
    if (groups_.size() < kGroupsMax && keep(name.size())) return &groups_[std::move(name)];
    has_too_many_groups_ = true;
    return nullptr;
}

void Aggregator::tally(Tally& tally, const EventView& event) {
    ++tally.event_count;
    if (!tally.first || event.occurred_at < *tally.first) tally.first = event.occurred_at;
    if (!tally.last || event.occurred_at > *tally.last) tally.last = event.occurred_at;
    const auto value = find_field(event, field_);
    if (!value) return;
    ++tally.value_count;
    if (is_number(*value))
        tally.sum.add(*value);
    else
        ++tally.no_number_count;
    if (is_string(*value)) ++tally.string_count;
    const bool has_order = is_number(*value) || is_string(*value);
    if (has_order && (wanted_.operation == "min" || wanted_.operation == "max")) {
        if (replaces(*value, tally.least, std::strong_ordering::less))
            keep_extreme(tally.least, tally.least_position, *value, event);
        if (replaces(*value, tally.greatest, std::strong_ordering::greater))
            keep_extreme(tally.greatest, tally.greatest_position, *value, event);
    }
    if (wanted_.operation != "distinct") return;
    std::string text = canonical_json(*value);
    if (tally.distinct.contains(text)) return;
    if (tally.distinct.size() < kDistinctMax && keep(text.size()))
        tally.distinct.insert(std::move(text));
    else
        tally.has_more_distinct = true;
}

std::string Aggregator::group_of(const EventView& event) const {
    if (wanted_.by == "type") return std::string(event.event_type);
    if (wanted_.by == "entity") return std::string(event.entity_id);
    if (wanted_.by == "actor") return text_member(event.metadata, "actor");
    if (wanted_.by == "day") return event.occurred_at.to_string().substr(0, 10);
    if (wanted_.by == "hour") return event.occurred_at.to_string().substr(0, 13) + ":00Z";
    if (wanted_.by == "month") return event.occurred_at.to_string().substr(0, 7);
    // No JSON is empty: that stands for no value at all.
    const auto value = find_field(event, by_field_);
    return value ? canonical_json(*value) : std::string();
}

void Aggregator::add(const EventView& event) {
    tally(all_, event);
    if (wanted_.operation == "duration" || wanted_.operation == "sequence") return add_moment(event);
    if (wanted_.by.empty()) return;
    if (Tally* group = find_group(group_of(event))) tally(*group, event);
}

std::optional<std::uint32_t> Aggregator::place_of_name(std::string name) {
    if (const auto found = places_.find(name); found != places_.end()) return found->second;
    // With what a table needs for an entry.
    constexpr std::size_t kEntryBytes = 64;
    if (!keep(name.size() + kEntryBytes)) return std::nullopt;
    const auto added = places_.emplace(std::move(name), static_cast<std::uint32_t>(names_.size())).first;
    names_.push_back(&added->first);
    return added->second;
}

void Aggregator::add_moment(const EventView& event) {
    const bool is_duration = wanted_.operation == "duration";
    if (is_duration && event.event_type != wanted_.from_type && event.event_type != wanted_.to_type) return;
    const bool is_grouped = is_duration && !wanted_.by.empty() && event.event_type == wanted_.to_type;
    const auto entity = place_of_name(std::string(event.entity_id));
    const auto type = place_of_name(std::string(event.event_type));
    const auto group = is_grouped ? place_of_name(group_of(event)) : std::optional<std::uint32_t>(0);
    if (!entity || !type || !group || !keep(sizeof(Moment))) {
        has_too_many_groups_ = true;
        return;
    }
    moments_.push_back({.entity = *entity,
                        .type = *type,
                        .group = *group,
                        .occurred_at = event.occurred_at,
                        .position = event.position.value});
}

void Aggregator::finish() {
    std::sort(moments_.begin(), moments_.end(), [](const Moment& a, const Moment& b) {
        return std::tie(a.entity, a.occurred_at, a.position) < std::tie(b.entity, b.occurred_at, b.position);
    });
    for (auto begin = moments_.begin(); begin != moments_.end();) {
        const auto end =
            std::find_if(begin, moments_.end(), [&](const Moment& moment) { return moment.entity != begin->entity; });
        if (wanted_.operation == "duration")
            measure({begin, end});
        else
            add_steps({begin, end});
        begin = end;
    }
    moments_.clear();
}

/// From an event of the first type to the next one of the second; of several of the first the earliest counts.
void Aggregator::measure(std::span<const Moment> entity) {
    const Moment* open = nullptr;
    for (const Moment& moment : entity) {
        const std::string& type = *names_[moment.type];
        if (open != nullptr && type == wanted_.to_type) {
            add_span(*open, moment);
            open = nullptr;
        }
        if (open == nullptr && type == wanted_.from_type) open = &moment;
    }
    if (open != nullptr) ++begun_not_ended_;
}

void Aggregator::add_span(const Moment& from, const Moment& to) {
    const Span span{.entity = from.entity,
                    .from_position = from.position,
                    .to_position = to.position,
                    .ns = span_ns(from.occurred_at, to.occurred_at)};
    Tally* group = wanted_.by.empty() ? nullptr : find_group(*names_[to.group]);
    if (!keep(sizeof(span.ns) * (group == nullptr ? 1 : 2))) {
        has_too_many_groups_ = true;
        return;
    }
    all_.durations_ns.push_back(span.ns);
    if (group != nullptr) {
        ++group->event_count;
        group->durations_ns.push_back(span.ns);
    }
    if (!shortest_ || span.ns < shortest_->ns) shortest_ = span;
    if (!longest_ || span.ns > longest_->ns) longest_ = span;
}

void Aggregator::add_steps(std::span<const Moment> entity) {
    for (std::size_t i = 1; i < entity.size(); ++i) {
        const std::pair types{entity[i - 1].type, entity[i].type};
        if (!steps_.contains(types) && steps_.size() >= kGroupsMax) {
            has_too_many_groups_ = true;
            continue;
        }
        Step& step = steps_[types];
        ++step.count;
        step.total_ns += span_ns(entity[i - 1].occurred_at, entity[i].occurred_at);
    }
}

/// Numbers only: the least and greatest value may be stored text and stand in `rows`.
Json Aggregator::value_of(const Tally& tally) const {
    Json out;
    out["count"] = tally.event_count;
    if (!wanted_.field.empty()) out["with_field"] = tally.value_count;
    const std::string& operation = wanted_.operation;
    const std::uint64_t number_count = tally.value_count - tally.no_number_count;
    if (operation == "sum" || operation == "avg") {
        // The sum of no numbers would be taken for one of some.
        if (operation == "sum" && (number_count > 0 || tally.event_count == 0)) out["sum"] = tally.sum.value();
        if (operation == "avg" && number_count > 0)
            out["avg"] = tally.sum.as_double() / static_cast<double>(number_count);
        if (!tally.sum.is_exact()) out["is_exact"] = false;
    }
    const bool is_extreme = operation == "min" || operation == "max";
    const std::uint64_t no_string_count = tally.value_count - tally.string_count;
    if (is_extreme && number_count == 0 && tally.string_count > 0) {
        if (no_string_count > 0) out["not_strings"] = no_string_count;
    } else if (operation != "distinct" && operation != "count" && tally.no_number_count > 0) {
        out["not_numbers"] = tally.no_number_count;
    }
    if (operation == "distinct") out["distinct"] = tally.distinct.size();
    if (operation == "distinct" && tally.has_more_distinct) out["or_more"] = true;
    if (operation == "duration" && !tally.durations_ns.empty()) out = durations_json(tally.durations_ns);
    if (tally.first) out["first_occurred_at"] = tally.first->to_string();
    if (tally.last) out["last_occurred_at"] = tally.last->to_string();
    return out;
}

void Aggregator::put_result(Json& answer) const {
    answer["result"] = value_of(all_);
    const bool has_extreme = (wanted_.operation == "min" || wanted_.operation == "max") && all_.least;
    if (has_extreme) {
        const bool is_min = wanted_.operation == "min";
        const std::string& value = is_min ? *all_.least : *all_.greatest;
        if (is_number(value)) answer["result"][wanted_.operation] = Json::parse(value);
        answer["result"]["position"] = is_min ? all_.least_position : all_.greatest_position;
    }
    if (wanted_.operation == "duration") {
        answer["result"]["pairs"] = all_.durations_ns.size();
        answer["result"]["begun_not_ended"] = begun_not_ended_;
        if (all_.durations_ns.empty())
            answer["absence"] = "no entity has an event of from_type that one of to_type follows";
    }
    const bool is_of_numbers = wanted_.operation == "sum" || wanted_.operation == "avg";
    if (lacks_field())
        answer["absence"] = "no event that matches has the field";
    else if (is_of_numbers && all_.value_count > 0 && all_.value_count == all_.no_number_count)
        answer["absence"] = "no value of the field is a number: there is nothing to add up";
    else if (lacks_group_field())
        answer["absence"] = "no event that matches has the field to group by";
    if (!wanted_.by.empty()) answer["groups"] = groups_.size();
    if (wanted_.operation == "sequence") answer["groups"] = steps_.size();
    const bool has_more_values =
        all_.has_more_distinct ||
        std::any_of(groups_.begin(), groups_.end(), [](const auto& group) { return group.second.has_more_distinct; });
    if (has_too_many_groups_ || has_more_values) {
        answer["complete"] = false;
        answer["try"] = "there are more groups, or longer values, than are told apart; narrow the filter";
    }
}

/// What the caller grouped by is a word, or a JSON value: a string is told from a number, and null from nothing.
void Aggregator::put_group_name(Json& row, const std::string& name, Shown& shown) const {
    row["group"] = nullptr;
    if (name.empty()) {
        if (!by_field_.empty()) row["field_missing"] = true;
        return;
    }
    row["group"] = by_field_.empty() ? Json(shown.text(name)) : shown.json(name);
}

Json Aggregator::span_rows() const {
    Json out = Json::object();
    const auto put = [this, &out](std::string_view name, const std::optional<Span>& span) {
        if (!span) return;
        Shown shown({.string_bytes = 200});
        out[name] = {{"entity_id", shown.text(*names_[span->entity])},
                     {"from_position", span->from_position},
                     {"to_position", span->to_position},
                     {"lasted", duration_json(span->ns)}};
    };
    put("longest", longest_);
    put("shortest", shortest_);
    return out;
}

Json Aggregator::rows(const GroupPage& page, Shown& shown) const {
    Json out = span_rows();
    const std::size_t used = json_size(out);
    Rows rows(page.bytes_max > used ? page.bytes_max - used : 0);
    std::size_t passed = 0;
    std::size_t rows_given = 0;
    std::size_t left_out = 0;
    // Rows are made only for those that may be on the page.
    const auto add = [&](const auto& row_of) {
        if (passed < page.after)
            ++passed;
        else if (left_out > 0 || rows.size() == page.limit || !rows.add(row_of()))
            ++left_out;
        else
            ++rows_given;
    };
    if ((wanted_.operation == "min" || wanted_.operation == "max") && all_.least)
        out[wanted_.operation] = shown.json(wanted_.operation == "min" ? *all_.least : *all_.greatest);
    if (wanted_.operation == "distinct" && wanted_.by.empty()) {
        for (const std::string& value : all_.distinct) add([&] { return shown.json(value); });
        out["values"] = rows.take();
    } else if (wanted_.operation == "sequence") {
        std::vector<std::tuple<std::uint64_t, std::string_view, std::string_view, WideNs>> steps;
        for (const auto& [types, step] : steps_)
            steps.emplace_back(step.count, *names_[types.first], *names_[types.second], step.total_ns);
        std::sort(steps.begin(), steps.end(), [](const auto& a, const auto& b) {
            if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(a) > std::get<0>(b);
            return std::tie(std::get<1>(a), std::get<2>(a)) < std::tie(std::get<1>(b), std::get<2>(b));
        });
        for (const auto& [count, from, to, total_ns] : steps)
            add([&, count = count, from = from, to = to, total_ns = total_ns] {
                const auto average = static_cast<std::int64_t>(total_ns / static_cast<WideNs>(count));
                return Json{{"from", shown.text(from)},
                            {"to", shown.text(to)},
                            {"count", count},
                            {"avg_time_between", duration_json(average)["text"]}};
            });
        out["sequences"] = rows.take();
    } else if (!wanted_.by.empty()) {
        std::vector<std::pair<std::string, const Tally*>> groups;
        for (const auto& [name, group] : groups_) groups.emplace_back(name, &group);
        const bool is_by_time = wanted_.by == "day" || wanted_.by == "hour" || wanted_.by == "month";
        if (!is_by_time)
            std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
                return a.second->event_count > b.second->event_count;
            });
        const auto row_of = [&](const std::string& name, const Tally* group) {
            Json row;
            put_group_name(row, name, shown);
            row.update(value_of(*group));
            if (wanted_.operation == "min" && group->least) row["min"] = shown.json(*group->least);
            if (wanted_.operation == "max" && group->greatest) row["max"] = shown.json(*group->greatest);
            return row;
        };
        for (const auto& group : groups) add([&] { return row_of(group.first, group.second); });
        out["groups"] = rows.take();
    }
    if (left_out == 0) return out;
    out["left_out"] = left_out;
    out["next_after"] = passed + rows_given;
    return out;
}

}  // namespace chronos::mcp
