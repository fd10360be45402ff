// Random appends from a seed: batches over a handful of entities, with ids, versions and conditions that mostly hold.
//
// Threads: used by one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "io/sim/prng.h"
#include "simulation/oracle.h"

namespace chronos::testing {

class Workload {
public:
    explicit Workload(std::uint64_t seed, std::size_t payload_size_max = 12'000)
        : prng_(seed), payload_size_max_(payload_size_max) {}

    /// A batch; now and then one that was sent before, or differs from it a little.
    SentBatch next(const Oracle& oracle) {
        if (!sent_.empty() && prng_.chance(0.12)) return again();
        SentBatch batch;
        const bool is_check = prng_.chance(0.05);
        const std::size_t count = is_check ? 0 : prng_.chance(0.5) ? 1 : 1 + prng_.below(20);
        const std::uint64_t id_mode = prng_.below(5);
        for (std::size_t i = 0; i < count; ++i) {
            batch.events.push_back(event(oracle));
            if (id_mode == 0) batch.events.back().id = uuid();
        }
        if (id_mode == 1) batch.options.batch_id = uuid();
        if (id_mode == 2 && prng_.chance(0.5)) batch.options.idempotency_key = "key-" + std::to_string(prng_.next());
        while (is_check ? batch.conditions.empty() || prng_.chance(0.3) : prng_.chance(0.15))
            batch.conditions.push_back(condition(oracle));
        if (prng_.chance(0.25)) batch.options.durability = Durability::kOs;
        sent_.push_back(batch);
        return batch;
    }

    io::Prng& prng() { return prng_; }

private:
    std::string entity() { return "order:" + std::to_string(prng_.below(6)); }
    std::string type() { return "order.changed." + std::to_string(prng_.below(5)); }
    std::string tag() { return "customer:" + std::to_string(prng_.below(8)); }
    Uuid uuid() {
        Uuid id;
        prng_.fill(id.bytes);
        return id;
    }

    SentEvent event(const Oracle& oracle) {
        SentEvent event{.entity_id = entity(), .event_type = type()};
        const std::uint64_t kind = prng_.below(40);
        const std::size_t size = kind == 0  ? prng_.below(payload_size_max_)
                                 : kind < 6 ? prng_.below(1'200)
                                            : prng_.below(100);
        event.payload = "{\"n\":" + std::to_string(prng_.next()) + ",\"text\":\"" +
                        std::string(size, static_cast<char>('a' + prng_.below(26))) + "\"}";
        if (prng_.chance(0.2)) event.metadata = "{\"correlation_id\":\"c" + std::to_string(prng_.below(9)) + "\"}";
        while (prng_.chance(0.4)) event.tags.push_back(tag());
        if (prng_.chance(0.2)) event.occurred_at = Timestamp{static_cast<std::int64_t>(prng_.next() >> 2)};
        if (prng_.chance(0.1)) event.expected_version = expected(oracle.version_of(event.entity_id));
        return event;
    }

    ExpectedVersion expected(std::uint64_t version) {
        if (prng_.chance(0.15)) version += prng_.below(3);
        if (version > 0 && prng_.chance(0.2)) return ExpectedVersion::exists();
        return ExpectedVersion::exactly(version);
    }

    Condition condition(const Oracle& oracle) {
        if (prng_.chance(0.5)) {
            const std::string name = entity();
            return EntityCondition{.entity_id = name, .expected = expected(oracle.version_of(name))};
        }
        NoEventMatches condition;
        condition.query.all = prng_.chance(0.1);
        while (!condition.query.all && (condition.query.items.empty() || prng_.chance(0.3))) {
            QueryItem item;
            if (prng_.chance(0.7)) item.types.push_back(type());
            if (item.types.empty() || prng_.chance(0.5)) item.tags.push_back(tag());
            condition.query.items.push_back(item);
        }
        const std::uint64_t end = oracle.next_position();
        const std::uint64_t back = prng_.chance(0.8) ? 0 : prng_.below(4);
        if (end > back) condition.after = Position{end - 1 - back + (prng_.chance(0.1) ? 5 : 0)};
        return condition;
    }

    SentBatch again() {
        SentBatch batch = sent_[sent_.size() - 1 - prng_.below(std::min<std::size_t>(sent_.size(), 20))];
        if (batch.events.empty() || prng_.chance(0.7)) return batch;
        SentEvent& changed = batch.events[prng_.below(batch.events.size())];
        if (changed.id && prng_.chance(0.5)) {
            changed.id = uuid();
        } else {
            changed.payload = "{\"changed\":" + std::to_string(prng_.below(1'000)) + "}";
        }
        return batch;
    }

    io::Prng prng_;
    const std::size_t payload_size_max_;
    std::vector<SentBatch> sent_;
};

}  // namespace chronos::testing
