// Measuring appends and reads: the loops behind `bench` and `demo`.
//
// Threads: each function runs its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "app/program.h"
#include "app/workload.h"
#include "base/result.h"

namespace chronos::app {

/// Nanoseconds, of which percentiles are asked.
class Latencies {
public:
    void reserve(std::size_t count) { ns_.reserve(count); }
    void add(std::int64_t ns) { ns_.push_back(ns); }
    void add_all(const Latencies& other) { ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end()); }
    void sort();
    /// The value that `fraction` of all are at or below; 0 if there are none. Requires: sorted.
    [[nodiscard]] std::int64_t at(double fraction) const;
    [[nodiscard]] double mean() const;
    [[nodiscard]] std::size_t count() const { return ns_.size(); }

private:
    std::vector<std::int64_t> ns_;
};

struct AppendLoad {
    std::uint64_t events = 1'000'000;
    std::uint32_t batch_events = 1000;
    unsigned threads = 1;
    /// Batches of a thread on their way to the disk at once; 1: each waits for its answer.
    unsigned in_flight = 8;
    Durability durability = Durability::kDurable;
    std::string branch = "main";
    /// The events come as JSON text, which is parsed inside the measured time.
    bool from_json = false;
};

struct AppendMeasurement {
    std::uint64_t events = 0;
    std::uint64_t payload_bytes = 0;
    std::int64_t elapsed_ns = 0;
    /// The weakest that an answer named.
    Durability durability = Durability::kDurable;
    /// Of one batch, from handing it over to its answer. Sorted.
    Latencies latencies;

    [[nodiscard]] double events_per_second() const;
};

/// Appends the workload. Measured: from before the first event is copied into a batch until the
/// last answer is there. Made beforehand: payloads, entity ids, tags, and with `from_json` the text
/// of all events. `on_progress` is called by one thread with the number of events handed over.
/// Stops early when interrupted.
Result<AppendMeasurement> measure_append(Program& program, Store& store, const Workload& workload,
                                         const AppendLoad& load,
                                         const std::function<void(std::uint64_t)>& on_progress = {});

struct QueryMeasurement {
    Latencies latencies;  ///< Of one query, sorted.
    std::int64_t elapsed_ns = 0;
    std::uint64_t events = 0;     ///< Read in all.
    std::uint64_t bytes = 0;      ///< Of those events; each was looked at.
    std::uint64_t from_disk = 0;  ///< Queries whose events were not all in memory.
};

struct QueryLoad {
    std::uint32_t last = 10;
    std::uint64_t queries = 100'000;
    unsigned threads = 1;
};

/// Reads the last events of an entity and looks at every byte of them.
class LastEventsReader {
public:
    explicit LastEventsReader(std::uint32_t last) : last_(last) {}

    Status read(const View& view, std::string_view entity);

    std::uint64_t events = 0;     ///< Read in all.
    std::uint64_t bytes = 0;      ///< Of those events.
    std::uint64_t from_disk = 0;  ///< Reads whose events were not all in memory.

private:
    std::uint32_t last_;
    Page page_;
    std::uint64_t checksum_ = 0;
    std::atomic<std::uint64_t> sink_ = 0;
};

/// Reads the last events of random entities among `entities` and looks at every byte of them. A
/// tenth as many queries, at most 10,000, come before and are not measured.
Result<QueryMeasurement> measure_queries(Program& program, const View& view, const std::vector<std::string>& entities,
                                         const QueryLoad& load);

/// For JSON.
inline double microseconds(std::int64_t ns) { return static_cast<double>(ns) / 1e3; }

/// Every entity of a View or a client::EndpointView.
template <typename AnyView>
Result<std::vector<std::string>> all_entities(const AnyView& view) {
    constexpr std::uint32_t kPageEntities = 10'000;
    std::vector<std::string> entities;
    for (;;) {
        const std::string last = entities.empty() ? std::string() : entities.back();
        ASSIGN_OR_RETURN(const auto page, view.entities("", last, kPageEntities));
        entities.insert(entities.end(), page.begin(), page.end());
        if (page.size() < kPageEntities) return entities;
    }
}

}  // namespace chronos::app
