#include "peers/workload.h"

#include <fmt/format.h>

#include <cstring>

namespace chronos::bench {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr std::array<std::string_view, 5> kTypes{"order.placed", "order.paid", "order.packed", "order.sent",
                                                 "order.closed"};
constexpr std::array<std::string_view, 16> kWords{"please",    "ring",    "twice",  "leave",   "with", "the",
                                                  "neighbour", "before",  "noon",   "fragile", "gift", "wrap",
                                                  "no",        "plastic", "return", "label"};

/// A JSON object of exactly `size` bytes, or the smallest that is larger.
void append_payload(std::string& out, std::uint64_t number, std::size_t size) {
    const std::size_t start = out.size();
    fmt::format_to(std::back_inserter(out), R"({{"total":{},"status":"s{}")", number % 100'000, number % 5);
    if (size >= 160)
        fmt::format_to(std::back_inserter(out),
                       R"(,"customer":"c{}","currency":"EUR","items":[{{"sku":"{:08x}","count":{}}}])",
                       (number >> 20) % 10'000, static_cast<std::uint32_t>(number >> 8), number % 9 + 1);
    out += R"(,"note":")";
    constexpr std::string_view kEnd = "\"}";
    while (out.size() - start + kEnd.size() < size) {
        number = scrambled(number);
        const std::string_view word = kWords[number % kWords.size()];
        const std::size_t room = size - (out.size() - start) - kEnd.size();
        out += word.substr(0, room);
        if (room > word.size()) out += ' ';
    }
    out += kEnd;
}

Uuid make_id(std::uint64_t number) {
    Uuid id;
    const std::array<std::uint64_t, 2> words{scrambled(number), scrambled(~number)};
    std::memcpy(id.bytes.data(), words.data(), id.bytes.size());
    return id;
}

void append_json(std::string& out, const Event& event) {
    fmt::format_to(std::back_inserter(out), R"({{"entity_id":"{}","event_type":"{}","payload":{}}})", event.entity,
                   event.type, event.payload);
}

}  // namespace

std::uint64_t scrambled(std::uint64_t number) {
    number += 0x9E3779B97F4A7C15;
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
    return number ^ (number >> 31);
}

std::uint64_t sum_of(std::string_view bytes) {
    std::uint64_t sum = 0;
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    for (std::uint64_t word = 0; left >= sizeof word; left -= sizeof word, at += sizeof word) {
        std::memcpy(&word, at, sizeof word);
        sum += word;
    }
    for (; left > 0; --left, ++at) sum += static_cast<unsigned char>(*at);
    return sum;
}

Workload::Workload(const Shape& shape) : shape_(shape) {
    for (std::uint64_t i = 0; i < shape.entities; ++i) entities_.push_back(fmt::format("order:{}", i));
    for (unsigned i = 0; i < 1000; ++i) customers_.push_back(fmt::format("customer:{}", i));
    seats_.reserve(shape.events);
    for (std::uint64_t i = 0; i < shape.events; ++i) seats_.push_back(fmt::format("seat:{}", i));

    std::vector<std::uint64_t> versions(shape.entities, 0);
    for (std::uint64_t i = 0; i < shape.hot_entities; ++i) hot_entities_.push_back(fmt::format("order:hot-{}", i));
    const std::uint64_t hot_events = shape.hot_entities * shape.hot_events;
    std::uint64_t hot_count = 0;
    events_.reserve(shape.events);
    for (std::uint64_t i = 0; i < shape.events; ++i) {
        const std::uint64_t random = scrambled(i);
        Event event = {.type = kTypes[(random >> 32) % kTypes.size()],
                       .tags = {customers_[(random >> 20) % customers_.size()], seats_[i]},
                       .id = make_id(i)};
        if (i * hot_events / shape.events != (i + 1) * hot_events / shape.events) {
            event.entity = hot_entities_[hot_count % shape.hot_entities];
            event.version = hot_count++ / shape.hot_entities + 1;
        } else {
            const std::uint64_t entity = (shape.round_robin ? i : random) % shape.entities;
            event.entity = entities_[entity];
            event.version = ++versions[entity];
        }
        std::string payload;
        append_payload(payload, scrambled(random), shape.payload_bytes);
        event.payload = keep(std::move(payload));
        events_.push_back(event);
    }
}

std::string_view Workload::keep(std::string text) {
    if (blocks_.empty() || blocks_.back().size() + text.size() > blocks_.back().capacity())
        blocks_.emplace_back().reserve(kBlockBytes);
    std::string& block = blocks_.back();
    block += text;
    return std::string_view(block).substr(block.size() - text.size());
}

std::string Workload::json_array(std::span<const Event> events) {
    std::string out = "[";
    for (const Event& event : events) {
        if (out.size() > 1) out += ',';
        append_json(out, event);
    }
    return out + "]";
}

std::string Workload::json_lines(std::span<const Event> events) {
    std::string out;
    for (const Event& event : events) {
        append_json(out, event);
        out += '\n';
    }
    return out;
}

}  // namespace chronos::bench
