// Events counted, added up, and put beside each other.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "chronos/event.h"
#include "json/pointer.h"
#include "mcp/tools/numbers.h"
#include "mcp/tools/shown.h"

namespace chronos::mcp {

struct Aggregation {
    std::string operation;           ///< "count", "sum", …
    std::string field, by;           ///< JSON pointers, or for `by` a word; empty: none.
    std::string from_type, to_type;  ///< For "duration".
};

/// Sums of times, any number of them.
__extension__ using WideNs = __int128;

/// A group of events.
struct Tally {
    std::uint64_t event_count = 0;
    std::uint64_t value_count = 0;      ///< Events in which the field is there.
    std::uint64_t no_number_count = 0;  ///< The field is there and no number.
    std::uint64_t string_count = 0;     ///< The field is there and a string.
    DecimalSum sum;
    /// JSON text: of the numbers, or where there is none of the strings.
    std::optional<std::string> least, greatest;
    std::uint64_t least_position = 0, greatest_position = 0;
    std::set<std::string> distinct;  ///< Canonical JSON (value_key.h).
    bool has_more_distinct = false;
    std::optional<Timestamp> first, last;  ///< occurred_at
    std::vector<std::int64_t> durations_ns;
};

/// A part of the groups, in the order in which they are told.
struct GroupPage {
    std::size_t after = 0;  ///< Groups of the pages before.
    std::size_t limit = 0, bytes_max = 0;
};

class Aggregator {
public:
    explicit Aggregator(Aggregation wanted);

    /// Requires: events come in stream order.
    void add(const EventView& event);
    /// Puts events beside each other, for which all of them must be there: in each entity in the order in which they
    /// occurred. After the last event, before anything is asked.
    void finish();

    [[nodiscard]] std::uint64_t event_count() const { return all_.event_count; }
    /// `result`: numbers, and what else is not stored text; and how many groups there are.
    void put_result(Json& answer) const;
    /// Whether there are events, and none of them has the field to calculate with, or the one to group by.
    [[nodiscard]] bool lacks_field() const { return !field_.empty() && all_.event_count > 0 && all_.value_count == 0; }
    [[nodiscard]] bool lacks_group_field() const {
        return !by_field_.empty() && groups_.size() == 1 && groups_.begin()->first.empty();
    }
    /// `groups` and such: stored text. `left_out` says how many groups there are behind the page, `next_after` where it
    /// ends.
    [[nodiscard]] Json rows(const GroupPage& page, Shown& shown) const;

private:
    /// An event of which the time between it and others counts. Names are places in names_.
    struct Moment {
        std::uint32_t entity = 0, type = 0;
        std::uint32_t group = 0;  ///< For durations by group.
        Timestamp occurred_at;
        std::uint64_t position = 0;
    };
    struct Span {
        std::uint32_t entity = 0;
        std::uint64_t from_position = 0, to_position = 0;
        std::int64_t ns = 0;
    };
    struct Step {
        std::uint64_t count = 0;
        WideNs total_ns = 0;
    };

    void tally(Tally& tally, const EventView& event);
    /// Puts the value into `extreme`, with the position of its event.
    void keep_extreme(std::optional<std::string>& extreme, std::uint64_t& extreme_position, std::string_view value,
                      const EventView& event);
    /// Counts bytes that are kept from now on; false: there is no room for so many.
    bool keep(std::size_t bytes);
    /// The group of this name, made if need be; null: there is no room for it.
    Tally* find_group(std::string name);
    /// The place of a name in names_; nothing: there is no room for it.
    std::optional<std::uint32_t> place_of_name(std::string name);
    void add_moment(const EventView& event);
    void measure(std::span<const Moment> entity);
    void add_span(const Moment& from, const Moment& to);
    void add_steps(std::span<const Moment> entity);
    [[nodiscard]] std::string group_of(const EventView& event) const;
    [[nodiscard]] Json value_of(const Tally& tally) const;
    void put_group_name(Json& row, const std::string& name, Shown& shown) const;
    [[nodiscard]] Json span_rows() const;

    Aggregation wanted_;
    std::vector<json::PointerSegment> field_, by_field_;
    Tally all_;
    std::map<std::string, Tally> groups_;
    std::vector<Moment> moments_;
    std::unordered_map<std::string, std::uint32_t> places_;
    std::vector<const std::string*> names_;  ///< Keys of places_.
    std::uint64_t begun_not_ended_ = 0;
    std::optional<Span> shortest_, longest_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Step> steps_;
    std::size_t kept_bytes_ = 0;  ///< Of names, values and lists, as long as clients made them.
    bool has_too_many_groups_ = false;
};

}  // namespace chronos::mcp
