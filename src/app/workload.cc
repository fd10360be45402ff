#include "app/workload.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::size_t kPayloadCount = 1024;
constexpr std::array<std::string_view, 5> kTypes{"bench.placed", "bench.paid", "bench.packed", "bench.sent",
                                                 "bench.closed"};

/// A JSON object of exactly `size` bytes, or the smallest that is larger.
std::string make_payload(std::uint64_t number, std::size_t size) {
    const std::string start = fmt::format(R"({{"total":{},"status":"s{}","note":")", number % 100'000, number % 5);
    std::string payload = start;
    constexpr std::string_view kEnd = "\"}";
    for (std::uint64_t i = 0; payload.size() + kEnd.size() < size; ++i)
        payload += static_cast<char>('a' + scrambled(number * 4096 + i) % 26);
    return payload + std::string(kEnd);
}

/// The name of an entity, made when it is needed: ten million of them would take memory that is to be measured.
class EntityName {
public:
    explicit EntityName(std::uint64_t number) {
        const auto end = std::copy(kPrefix.begin(), kPrefix.end(), text_.begin());
        size_ = static_cast<std::size_t>(std::to_chars(end, text_.end(), number).ptr - text_.begin());
    }
    [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

private:
    static constexpr std::string_view kPrefix = "order:";
    std::array<char, 32> text_{};
    std::size_t size_ = 0;
};

}  // namespace

/// What one event is made of.
struct Workload::Parts {
    std::uint64_t entity = 0;
    std::string_view type, payload;
    std::array<std::string_view, 2> tags;
    Uuid id;
};

std::uint64_t scrambled(std::uint64_t number) {
    number += 0x9E3779B97F4A7C15;
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB;
    return number ^ (number >> 31);
}

Workload::Workload(const WorkloadOptions& options) : options_(options) {
    for (std::size_t i = 0; i < kPayloadCount; ++i)
        payloads_.push_back(make_payload(scrambled(i), options.payload_bytes));
    for (unsigned i = 0; i < 1000; ++i) customers_.push_back(fmt::format("customer:{}", i));
    for (unsigned i = 0; i < 16; ++i) regions_.push_back(fmt::format("region:{}", i));
}

Workload::Parts Workload::parts_of(std::uint64_t index) const {
    const std::uint64_t random = scrambled(index);
    Parts parts{.entity = random % options_.entities,
                .type = kTypes[(random >> 32) % kTypes.size()],
                .payload = payloads_[(random >> 40) % payloads_.size()],
                .tags = {customers_[(random >> 20) % customers_.size()], regions_[(random >> 48) % regions_.size()]},
                .id = {}};
    const std::uint64_t high = scrambled(options_.id_seed);
    const std::uint64_t low = scrambled(~index);
    for (unsigned i = 0; i < 8; ++i) {
        parts.id.bytes[i] = static_cast<std::byte>(high >> (8 * i));
        parts.id.bytes[8 + i] = static_cast<std::byte>(low >> (8 * i));
    }
    return parts;
}

void Workload::add_events(std::uint64_t first, std::uint32_t count, BatchBuilder& batch) const {
    for (std::uint64_t index = first; index < first + count; ++index) {
        const Parts parts = parts_of(index);
        const EntityName entity(parts.entity);
        BatchBuilder::EventRef event = {.entity_id = entity.text(), .event_type = parts.type, .payload = parts.payload};
        if (options_.tags > 0) event.tags = parts.tags;
        if (options_.explicit_ids) event.id = parts.id;
        batch.add(event);
    }
}

std::string Workload::json_lines(std::uint64_t first, std::uint32_t count) const {
    std::string lines;
    for (std::uint64_t index = first; index < first + count; ++index) {
        const Parts parts = parts_of(index);
        json::ObjectWriter writer(lines);
        if (options_.explicit_ids) writer.field("id", parts.id.to_string());
        writer.field("entity_id", EntityName(parts.entity).text())
            .field("event_type", parts.type)
            .raw_field("payload", parts.payload);
        if (options_.tags > 0) writer.raw_field("tags", fmt::format(R"(["{}","{}"])", parts.tags[0], parts.tags[1]));
        writer.end();
        lines += '\n';
    }
    return lines;
}

}  // namespace chronos::app
