// Made-up events, made before any clock starts; the same for the same shape.
//
// Threads: immutable once made; any.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/types.h"

namespace chronos::bench {

/// One event by reference into its workload.
struct Event {
    std::string_view entity;
    std::string_view type;
    std::string_view payload;
    /// Its place among the events of its entity, the first is 1.
    std::uint64_t version = 0;
    std::array<std::string_view, 2> tags;
    Uuid id;
};

struct Shape {
    std::uint64_t events = 1'000'000;
    std::uint64_t entities = 100'000;
    std::uint32_t payload_bytes = 240;
    /// Further entities with so many events each, spread evenly among the others.
    std::uint64_t hot_entities = 0;
    std::uint64_t hot_events = 0;
    /// Entities take turns, so that those of any `entities` events in a row differ; else they are
    /// drawn at random.
    bool round_robin = false;

    friend auto operator<=>(const Shape&, const Shape&) = default;
};

class Workload {
public:
    explicit Workload(const Shape& shape);

    [[nodiscard]] std::span<const Event> events() const { return events_; }
    [[nodiscard]] const std::vector<std::string>& entities() const { return entities_; }
    /// Those with `hot_events` each.
    [[nodiscard]] const std::vector<std::string>& hot_entities() const { return hot_entities_; }
    [[nodiscard]] const Shape& shape() const { return shape_; }

    /// `events` as a JSON array of events, or as lines of JSON.
    static std::string json_array(std::span<const Event> events);
    static std::string json_lines(std::span<const Event> events);

private:
    std::string_view keep(std::string text);

    Shape shape_;
    std::vector<std::string> entities_;
    std::vector<std::string> customers_, seats_;
    std::vector<std::string> hot_entities_;
    std::deque<std::string> blocks_;  // payloads, many in one string
    std::vector<Event> events_;
};

/// A generator of numbers that look random: SplitMix64. Source: Steele, Lea, Flood, OOPSLA 2014.
std::uint64_t scrambled(std::uint64_t number);

/// The sum of all bytes, eight at a time: a cheap way to have looked at each.
std::uint64_t sum_of(std::string_view bytes);

}  // namespace chronos::bench
