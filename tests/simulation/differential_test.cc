// Random appends and reads, answered by a store in memory and by a vector of events: the answers must be the same.
#include <gtest/gtest.h>

#include "embedded/engine.h"
#include "io/sim/sim_environment.h"
#include "simulation/reference_compare.h"
#include "simulation/replay.h"

namespace chronos {
namespace {

using nlohmann::json;
using testing::ReferenceEvent;
using testing::ReferenceEvents;
using testing::ReferenceStore;
using testing::SentBatch;
using testing::SentEvent;

constexpr std::uint64_t kOperationsPerSeed = 5'000;

/// A store in memory whose clock and ids come from a seed, so that every run repeats.
Store open_store(io::SimEnvironment& sim) {
    store::DatabaseOptions options;
    options.with_threads = false;
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(store::Database::open_in_memory(sim.environment(), options).value());
    return Store(std::move(impl));
}

class Differential {
public:
    explicit Differential(std::uint64_t seed) : sim_(seed), prng_(seed), store_(open_store(sim_)) {}

    std::string run(std::uint64_t operation_count) {
        for (std::uint64_t i = 0; i < operation_count; ++i)
            if (std::string wrong = step(); !wrong.empty()) return "operation " + std::to_string(i) + ", " + wrong;
        return "";
    }

private:
    std::string step() {
        sim_.clock.advance(static_cast<std::int64_t>(prng_.below(1'000'000)));
        const std::uint64_t kind = prng_.below(100);
        if (kind < 35) return labelled("append", append());
        const ViewOptions options = view_options();
        const auto view = store_.view(options);
        if (!view.ok()) return "view: " + view.error().message;
        if (kind < 60) return labelled("read", read(*view, options));
        if (kind < 72) return labelled("read_entity", read_entity(*view, options));
        if (kind < 78) return labelled("read_event", read_event(*view, options));
        if (kind < 84) return labelled("count", count(*view, options));
        if (kind < 88) return labelled("entities", entities(*view, options));
        if (kind < 97) return labelled("state", state(*view, options));
        return labelled("stats", stats(*view, options));
    }

    static std::string labelled(const char* name, const std::string& wrong) {
        return wrong.empty() ? "" : std::string(name) + ": " + wrong;
    }

    // --- random values ---

    std::string pick(std::initializer_list<const char*> choices) {
        return *(choices.begin() + prng_.below(choices.size()));
    }
    std::string entity() { return pick({"order:", "user:"}) + std::to_string(prng_.below(12)); }
    std::string type() {
        return pick({"order.placed", "order.paid", "order.shipped.late", "user.renamed", "user.left"});
    }
    std::string tag() { return "tag:" + std::to_string(prng_.below(6)); }
    std::string name() { return "n" + std::to_string(prng_.below(5)); }
    std::string key() { return pick({"a", "b", "c", "d/e", "f~g"}); }

    json value(int depth) {
        switch (prng_.below(depth > 0 ? 8 : 5)) {
            case 0: return nullptr;
            case 1: return prng_.below(6);
            case 2: return static_cast<double>(prng_.below(20)) / 4;
            case 3: return pick({"red", "green", "blue", "Żółw"});
            case 4: return prng_.chance(0.5);
            case 5: return json::array({prng_.below(4), pick({"red", "green"})});
            default: return object(depth - 1);
        }
    }
    json object(int depth) {
        json fields = json::object();
        for (std::uint64_t i = prng_.below(4); i > 0; --i) fields[key()] = value(depth);
        return fields;
    }

    SentEvent event() {
        SentEvent event{.entity_id = entity(), .event_type = type()};
        event.payload = (prng_.chance(0.95) ? object(2) : value(1)).dump(prng_.chance(0.2) ? 1 : -1);
        if (prng_.chance(0.03)) {
            event.payload = "{\"a\": no JSON";
            event.unvalidated = true;
        }
        if (prng_.chance(0.5)) {
            json metadata = json::object();
            for (const char* field : {"correlation_id", "causation_id", "actor", "other"})
                if (prng_.chance(0.4)) metadata[field] = name();
            if (prng_.chance(0.05)) metadata["actor"] = 7;
            event.metadata = metadata.dump();
        }
        while (prng_.chance(0.5)) event.tags.push_back(tag());
        if (prng_.chance(0.3))
            event.occurred_at = Timestamp{sim_.clock.wall_ns() - static_cast<std::int64_t>(prng_.below(3'000'000'000))};
        if (prng_.chance(0.02)) event.occurred_at = Timestamp{sim_.clock.wall_ns() + 1'000'000'000};
        return event;
    }

    const ReferenceEvent& some_event() { return reference_.events()[prng_.below(reference_.events().size())]; }

    Timestamp recorded_time() { return {some_event().recorded_at.ns + static_cast<std::int64_t>(prng_.below(3)) - 1}; }
    Timestamp occurred_time() { return {some_event().occurred_at.ns + static_cast<std::int64_t>(prng_.below(3)) - 1}; }

    Query query() {
        Query query{.all = prng_.chance(0.05)};
        while (!query.all && (query.items.empty() || prng_.chance(0.4))) {
            QueryItem item;
            while (prng_.chance(0.5)) item.types.push_back(type());
            while (item.types.empty() || prng_.chance(0.4)) {
                item.tags.push_back(tag());
                if (prng_.chance(0.6)) break;
            }
            query.items.push_back(item);
        }
        return query;
    }

    FieldTest field_test() {
        FieldTest test{.operation = pick({"=", "!=", "<", "<=", ">", ">=", "contains", "exists"}),
                       .operand = value(1).dump()};
        for (std::uint64_t depth = prng_.below(3); depth > 0; --depth)
            test.pointer += "/" + pick({"a", "b", "c", "d~1e", "f~0g"});
        if (prng_.chance(0.2)) test.pointer += pick({"/0", "/1"});
        return test;
    }

    Filter filter() {
        Filter filter;
        if (prng_.chance(0.2)) return filter;
        while (prng_.chance(0.25)) filter.event_types.push_back(prng_.chance(0.9) ? type() : "unknown");
        if (prng_.chance(0.1)) filter.event_type_prefix = pick({"order.", "user", "order.p", "x"});
        while (prng_.chance(0.2)) filter.entity_ids.push_back(prng_.chance(0.9) ? entity() : "unknown");
        if (prng_.chance(0.1)) filter.entity_id_prefix = pick({"order:", "user:1", "x"});
        while (prng_.chance(0.2)) filter.tags.push_back(tag());
        if (has_events() && prng_.chance(0.1)) filter.since = recorded_time();
        if (has_events() && prng_.chance(0.1)) filter.until = recorded_time();
        if (has_events() && prng_.chance(0.1)) filter.occurred_since = occurred_time();
        if (has_events() && prng_.chance(0.1)) filter.occurred_until = occurred_time();
        if (prng_.chance(0.08)) filter.correlation_id = name();
        if (prng_.chance(0.08)) filter.causation_id = name();
        if (prng_.chance(0.08)) filter.actor = name();
        while (prng_.chance(0.2)) filter.fields.push_back(field_test());
        if (prng_.chance(0.2)) filter.query = query();
        return filter;
    }

    [[nodiscard]] bool has_events() const { return !reference_.events().empty(); }

    ViewOptions view_options() {
        ViewOptions options;
        if (!has_events()) return options;
        if (prng_.chance(0.2)) options.at = Position{prng_.below(reference_.events().size())};
        if (prng_.chance(0.2)) options.known_at = recorded_time();
        if (prng_.chance(0.2)) options.as_of = occurred_time();
        return options;
    }

    // --- appends ---

    std::string append() {
        SentBatch batch;
        do batch.events.push_back(event());
        while (prng_.chance(0.5));
        if (prng_.chance(0.2)) {
            const std::string name = entity();
            batch.conditions.emplace_back(EntityCondition{
                name,
                ExpectedVersion::exactly(reference_.version_of(name) + (prng_.chance(0.3) ? prng_.below(3) : 0))});
        }
        if (prng_.chance(0.2)) {
            const std::size_t size = reference_.events().size();
            const std::uint64_t back = prng_.below(30);
            batch.conditions.emplace_back(NoEventMatches{
                query(), size > back && prng_.chance(0.9) ? std::optional(Position{size - 1 - back}) : std::nullopt});
        }
        const std::vector<std::size_t> failing = failing_conditions(batch);
        if (prng_.chance(0.2)) batch.options.durability = Durability::kOs;
        const auto answer = store_.append(batch.build(), batch.options);
        if (!failing.empty()) return refused(batch, failing, answer);
        if (!answer.ok()) return "refused: " + answer.error().message;
        for (std::size_t i = 0; i < batch.events.size(); ++i)
            if (answer->events.size() != batch.events.size() ||
                answer->events[i].position.value != reference_.events().size() + i)
                return "answered other positions";
        if (has_events() && answer->recorded_at <= reference_.events().back().recorded_at)
            return "recorded_at does not grow";
        reference_.append(batch, *answer);
        return "";
    }

    const ReferenceEvent* first_match(const NoEventMatches& condition) const {
        for (const ReferenceEvent& event : reference_.events())
            if ((!condition.after || event.position > condition.after->value) &&
                testing::matches(condition.query, event.sent))
                return &event;
        return nullptr;
    }

    std::vector<std::size_t> failing_conditions(const SentBatch& batch) const {
        std::vector<std::size_t> failing;
        for (std::size_t i = 0; i < batch.conditions.size(); ++i) {
            const auto* entity = std::get_if<EntityCondition>(&batch.conditions[i]);
            const bool holds = entity != nullptr
                                   ? testing::holds(entity->expected, reference_.version_of(entity->entity_id))
                                   : first_match(std::get<NoEventMatches>(batch.conditions[i])) == nullptr;
            if (!holds) failing.push_back(i);
        }
        return failing;
    }

    std::string refused(const SentBatch& batch, const std::vector<std::size_t>& failing,
                        const Result<AppendResult>& answer) const {
        if (answer.ok()) return "accepted though a condition fails";
        if (answer.error().code != ErrorCode::kVersionConflict || !answer.error().append_failure)
            return "refused otherwise";
        const std::vector<FailedCondition>& named = answer.error().append_failure->conditions;
        if (named.empty()) return "a conflict that names no condition";
        for (const FailedCondition& condition : named) {
            if (std::find(failing.begin(), failing.end(), condition.index) == failing.end())
                return "names a condition that holds";
            if (const auto* entity = std::get_if<EntityCondition>(&batch.conditions[condition.index])) {
                if (condition.current_version.value != reference_.version_of(entity->entity_id))
                    return "names another version";
            } else if (!condition.first_match ||
                       condition.first_match->id !=
                           first_match(std::get<NoEventMatches>(batch.conditions[condition.index]))->id) {
                return "names another match";
            }
        }
        return "";
    }

    // --- reads ---

    std::string read(const View& view, const ViewOptions& view_options) {
        ReadOptions options{.filter = filter(), .order = prng_.chance(0.5) ? Order::kForward : Order::kBackward};
        options.limit = static_cast<std::uint32_t>(1 + prng_.below(prng_.chance(0.5) ? 10 : 500));
        const std::size_t known_count = reference_.known(view_options).size();
        if (known_count > 0 && prng_.chance(0.3)) options.after = Position{prng_.below(known_count)};
        const ReferenceEvents wanted = reference_.read(view_options, options);
        std::vector<Position> positions;  // Appends move the events that `wanted` points at.
        for (const ReferenceEvent* event : wanted) positions.push_back({event->position});

        Page page;
        std::size_t begin = 0;
        for (int pages = 0; pages < 4; ++pages) {
            Status status;
            if (pages == 0) {
                status = view.read(options, page);
            } else if (prng_.chance(0.5)) {
                // A cursor keeps its view, whichever view it is given to and whatever came since.
                if (std::string wrong = labelled("append", append()); !wrong.empty()) return wrong;
                status = store_.view()->read(options, page);
            } else {
                status = view.read(options, page);
            }
            if (!status.ok()) return status.error().message;
            ReferenceEvents now;
            for (const Position position : positions) now.push_back(&reference_.events()[position.value]);
            if (std::string wrong = testing::compare(page, now, begin, options.limit); !wrong.empty())
                return "page " + std::to_string(pages) + ": " + wrong;
            if (page.has_more() == page.next_cursor().empty()) return "a cursor does not agree with has_more";
            if (!page.has_more()) return "";
            begin += page.events().size();
            options.cursor = page.next_cursor();
            options.after.reset();
            options.limit = static_cast<std::uint32_t>(1 + prng_.below(50));
        }
        return "";
    }

    std::string read_entity(const View& view, const ViewOptions& view_options) {
        const std::string id = prng_.chance(0.95) ? entity() : "unknown";
        EntityReadOptions options{.order = prng_.chance(0.5) ? Order::kForward : Order::kBackward};
        const std::uint64_t top = reference_.version_of(id) + 3;
        if (prng_.chance(0.3)) options.from = Version{prng_.below(top)};
        if (prng_.chance(0.3)) options.to = Version{prng_.below(top)};
        options.limit = static_cast<std::uint32_t>(1 + prng_.below(200));
        Page page;
        if (prng_.chance(0.3)) {
            options = {.order = Order::kBackward, .limit = options.limit};
            if (const Status status = view.read_last_resident(id, options.limit, page); !status.ok())
                return status.error().message;
            ReferenceEvents wanted = reference_.read_entity(view_options, id, options);
            wanted.resize(std::min<std::size_t>(wanted.size(), options.limit));
            page.has_more_ = false;  // The last ones are asked for, not a page.
            return labelled("the last", testing::compare(page, wanted, 0, options.limit));
        }
        if (const Status status = view.read_entity(id, options, page); !status.ok()) return status.error().message;
        return testing::compare(page, reference_.read_entity(view_options, id, options), 0, options.limit);
    }

    std::string read_event(const View& view, const ViewOptions& view_options) {
        if (!has_events()) return "";
        const ReferenceEvent& wanted = some_event();
        const ReferenceEvents seen = reference_.seen(view_options);
        const bool is_seen = std::find(seen.begin(), seen.end(), &wanted) != seen.end();
        Page page;
        const Status status = view.read_event(wanted.id, page);
        if (!is_seen)
            return !status.ok() && status.error().code == ErrorCode::kNotFound ? "" : "found what the view leaves out";
        return status.ok() ? testing::compare(page, {&wanted}, 0, 1) : status.error().message;
    }

    std::string count(const View& view, const ViewOptions& view_options) {
        const ReadOptions options{.filter = filter()};
        const auto found = view.count(options.filter);
        if (!found.ok()) return found.error().message;
        const std::size_t wanted = reference_.read(view_options, options).size();
        return *found == wanted ? "" : std::to_string(*found) + " instead of " + std::to_string(wanted);
    }

    std::string entities(const View& view, const ViewOptions& view_options) {
        const std::string prefix = pick({"", "order:", "user:1", "x"});
        const std::string after = prng_.chance(0.5) ? "" : entity();
        const auto limit = static_cast<std::uint32_t>(1 + prng_.below(30));
        const auto found = view.entities(prefix, after, limit);
        if (!found.ok()) return found.error().message;
        return *found == reference_.entities(view_options, prefix, after, limit) ? "" : "another list";
    }

    std::string state(const View& view, const ViewOptions& view_options) {
        const std::string id = prng_.chance(0.95) ? entity() : "unknown";
        StateOptions options{.fold = prng_.chance(0.7) ? Fold::kMergePatch : Fold::kShallow,
                             .order = prng_.chance(0.7) ? FoldOrder::kStream : FoldOrder::kOccurred,
                             .ignore_snapshots = prng_.chance(0.2)};
        const auto found = view.state(id, options);
        if (!found.ok()) return found.error().message;
        const testing::ReferenceState wanted = reference_.state(view_options, id, options);
        return testing::compare(*found, wanted);
    }

    std::string stats(const View& view, const ViewOptions& view_options) {
        const auto found = view.stats();
        if (!found.ok()) return found.error().message;
        const ReferenceEvents seen = reference_.seen(view_options);
        return testing::compare(*found, seen);
    }

    io::SimEnvironment sim_;
    io::Prng prng_;
    Store store_;
    ReferenceStore reference_;
};

std::string differ(std::uint64_t seed) { return Differential(seed).run(kOperationsPerSeed); }

TEST(Differential, AnswersAsAVectorOfEventsDoes) { testing::for_each_seed(1, differ); }

TEST(Differential, SlowAnswersAsAVectorOfEventsDoes) { testing::for_each_seed(20, differ); }

TEST(Differential, FieldTestsAndFoldsLookAtAnUnvalidatedPayloadThatIsJson) {
    io::SimEnvironment sim(1);
    Store store = open_store(sim);
    SentBatch batch{
        .events = {
            {.entity_id = "order:1", .event_type = "order.placed", .payload = R"({"total":42})", .unvalidated = true}}};
    ASSERT_TRUE(store.append(batch.build()).ok());
    EXPECT_EQ(store.view()->state("order:1")->json, R"({"total":42})");
    Filter filter;
    filter.fields.push_back({.pointer = "/total", .operation = "=", .operand = "42"});
    EXPECT_EQ(store.view()->count(filter).value(), 1U);
}

TEST(Differential, AnAppendAtLevelOsInMemoryIsSeenAtOnceAndHoldsNothingUp) {
    const testing::RepeatOnAbort guard(1, 10);
    io::SimEnvironment sim(1);
    Store store = open_store(sim);
    NewEvent event;
    event.entity_id = "order:1";
    event.event_type = "order.placed";
    ASSERT_TRUE(store.append(event, {}, {.durability = Durability::kOs}).ok());
    EXPECT_EQ(store.view()->stats()->event_count, 1U);
    EXPECT_EQ(store.append(event, ExpectedVersion::none()).error().code, ErrorCode::kVersionConflict);
}

TEST(Differential, TortureAnswersAsAVectorOfEventsDoes) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    testing::for_each_seed(1'000, differ);
}

}  // namespace
}  // namespace chronos
