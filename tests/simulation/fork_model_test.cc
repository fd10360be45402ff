// Random forks, appends, merges and power cuts, answered by a store on a simulated disk and by copies of vectors of
// events: the answers must be the same on every branch, and nothing of a branch may show on another.
#include "simulation/fork_model.h"

#include <gtest/gtest.h>

#include "embedded/engine.h"
#include "simulation/reference_compare.h"
#include "simulation/replay.h"
#include "simulation/session.h"

namespace chronos {
namespace {

using nlohmann::json;
using testing::ForkModel;
using testing::ModelBranch;
using testing::ModelMerge;
using testing::ReferenceEvent;
using testing::ReferenceEvents;
using testing::SentBatch;
using testing::SentEvent;
using Expect = ForkModel::Expect;

constexpr std::uint64_t kOperationsPerSeed = 500;
constexpr std::size_t kLiveMax = 16;
constexpr std::size_t kEndedMax = 6;
constexpr std::uint32_t kDepthMax = 6;
constexpr std::int64_t kSecondNs = 1'000'000'000;

Result<Store> open_store(io::SimFileSystem& files, io::SimEnvironment& world, const store::DatabaseOptions& options) {
    auto database = store::Database::open({files, world.clock, world.random}, testing::kStoreDirectory, true, options);
    if (!database.ok()) return std::move(database).error();
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(std::move(database).value());
    return Store(std::move(impl));
}

std::string labelled(const std::string& name, const std::string& wrong) {
    return wrong.empty() ? "" : name + ": " + wrong;
}

/// Batches and queries over a handful of entities, so that branches meet.
class ForkWorkload {
public:
    explicit ForkWorkload(std::uint64_t seed) : prng_(seed) {}

    io::Prng& prng() { return prng_; }
    bool chance(double probability) { return prng_.chance(probability); }
    std::uint64_t below(std::uint64_t count) { return prng_.below(count); }

    std::string entity() { return (chance(0.7) ? "order:" : "user:") + std::to_string(below(7)); }
    std::string type() { return (chance(0.7) ? "order.t" : "user.t") + std::to_string(below(3)); }
    std::string tag() { return "tag:" + std::to_string(below(5)); }
    Uuid uuid() {
        Uuid id;
        prng_.fill(id.bytes);
        return id;
    }

    SentBatch batch(const ModelBranch& branch, std::int64_t wall_ns) {
        if (!sent_.empty() && chance(0.15)) return again();
        SentBatch batch;
        const bool is_check = chance(0.04);
        const std::size_t count = is_check ? 0 : chance(0.6) ? 1 : 2 + below(7);
        const std::uint64_t id_mode = below(4);
        for (std::size_t i = 0; i < count; ++i) {
            batch.events.push_back(event(branch, wall_ns));
            if (id_mode == 0) batch.events.back().id = uuid();
        }
        if (id_mode == 1) batch.options.batch_id = uuid();
        if (id_mode == 2 && chance(0.5)) batch.options.idempotency_key = "key-" + std::to_string(prng_.next());
        while (is_check ? batch.conditions.empty() || chance(0.3) : chance(0.12))
            batch.conditions.push_back(condition(branch));
        if (ForkModel::names_ids(batch) && !is_check) sent_.push_back(batch);
        return batch;
    }

    Query query() {
        Query query{.all = chance(0.05)};
        while (!query.all && (query.items.empty() || chance(0.3))) {
            QueryItem item;
            if (chance(0.6)) item.types.push_back(type());
            if (item.types.empty() || chance(0.5)) item.tags.push_back(tag());
            query.items.push_back(item);
        }
        return query;
    }

    Filter filter() {
        Filter filter;
        if (chance(0.3)) filter.event_types.push_back(type());
        if (chance(0.15)) filter.event_type_prefix = chance(0.5) ? "order." : "user.t1";
        if (chance(0.25)) filter.entity_ids = {entity(), entity()};
        if (chance(0.15)) filter.entity_id_prefix = chance(0.5) ? "order:" : "user:1";
        if (chance(0.25)) filter.tags.push_back(tag());
        if (chance(0.1)) filter.correlation_id = "c" + std::to_string(below(4));
        if (chance(0.1)) filter.query = query();
        return filter;
    }

private:
    SentEvent event(const ModelBranch& branch, std::int64_t wall_ns) {
        SentEvent event{.entity_id = entity(), .event_type = type()};
        json payload{{"f" + std::to_string(below(4)), prng_.next() % 1'000}};
        if (chance(0.05)) payload["text"] = std::string(below(1'500), 'x');
        event.payload = payload.dump();
        if (chance(0.25)) event.metadata = json{{"correlation_id", "c" + std::to_string(below(4))}}.dump();
        if (chance(0.03)) event.metadata = R"({"origin":{"imported":true},"n":1})";
        while (chance(0.4)) event.tags.push_back(tag());
        if (chance(0.2)) event.occurred_at = Timestamp{wall_ns - static_cast<std::int64_t>(below(60 * kSecondNs))};
        if (chance(0.1)) event.expected_version = expected(branch.store.version_of(event.entity_id));
        return event;
    }

    ExpectedVersion expected(std::uint64_t version) {
        if (chance(0.1)) version += below(3);
        if (version > 0 && chance(0.2)) return ExpectedVersion::exists();
        return ExpectedVersion::exactly(version);
    }

    Condition condition(const ModelBranch& branch) {
        if (chance(0.5)) {
            const std::string name = entity();
            return EntityCondition{.entity_id = name, .expected = expected(branch.store.version_of(name))};
        }
        NoEventMatches condition{.query = query(), .after = {}};
        const std::uint64_t end = branch.events().size();
        const std::uint64_t back = chance(0.7) ? 0 : below(6);
        if (end > back && chance(0.95)) condition.after = Position{end - 1 - back + (chance(0.05) ? 3 : 0)};
        return condition;
    }

    /// One that was sent before, perhaps to another branch, perhaps a little changed.
    SentBatch again() {
        SentBatch batch = sent_[sent_.size() - 1 - below(std::min<std::size_t>(sent_.size(), 12))];
        if (chance(0.8)) return batch;
        SentEvent& changed = batch.events[below(batch.events.size())];
        if (changed.id && chance(0.4)) {
            changed.id = uuid();
        } else if (batch.events.size() > 1 && chance(0.3)) {
            batch.events.pop_back();
        } else if (!changed.id && chance(0.3)) {
            batch.events.push_back(batch.events.front());
        } else {
            changed.payload = "{\"changed\":" + std::to_string(below(1'000)) + "}";
        }
        return batch;
    }

    io::Prng prng_;
    std::vector<SentBatch> sent_;
};

/// What came about, so that a test in which nothing does is not taken for one that finds nothing.
struct Tally {
    std::uint64_t merge_count = 0, refused_count = 0, expired_count = 0;
    std::uint64_t crash_count = 0, kept_count = 0, lost_count = 0;
    std::uint64_t removed_count = 0;
};

class ForkSession {
public:
    ForkSession(std::uint64_t seed, Tally& tally)
        : sim_(seed),
          work_(seed ^ 0xF04C),
          options_(testing::small_options(16 << 10, std::uint64_t{16 << 10} << work_.below(3))),
          tally_(tally) {}

    std::string run(std::uint64_t operation_count) {
        if (std::string wrong = open(); !wrong.empty()) return wrong;
        for (std::uint64_t i = 0; i < operation_count; ++i)
            if (std::string wrong = operation(); !wrong.empty()) return "operation " + std::to_string(i) + ", " + wrong;
        if (std::string wrong = close_and_open(); !wrong.empty()) return "at the end: " + wrong;
        for (const std::string& id : readable())
            if (std::string wrong = compare_branch(id); !wrong.empty()) return "at the end: " + wrong;
        return "";
    }

private:
    // --- what was asked for when the power went ---

    /// An append that was answered and is not durable, or whatever had no answer.
    struct Unsettled {
        enum class Kind : std::uint8_t { kAppend, kCreate, kExtend, kDiscard, kMerge } kind = Kind::kAppend;
        std::string branch;
        SentBatch batch;
        std::vector<Uuid> ids;     ///< Of an append.
        bool is_in_model = false;  ///< Of an append.
        std::uint64_t events_before = 0;
        ForkOptions fork;  ///< Of a creation, with the number of events it inherits.
        std::uint64_t fork_count = 0;
        std::int64_t ttl_ns = 0;
        std::optional<ModelMerge> merge;
    };

    [[nodiscard]] bool has_no_power() const { return sim_.files.is_powered_off(); }

    std::string operation() {
        sim_.clock.advance(static_cast<std::int64_t>(work_.below(2'000'000)));
        if (!is_cut_planned_ && work_.chance(0.012)) {
            sim_.files.crash_at_op(sim_.files.op_count() + work_.below(120), {.torn = work_.chance(0.5)});
            is_cut_planned_ = true;
        }
        std::string wrong = act();
        if (wrong.empty() && !has_no_power() && work_.chance(0.35)) wrong = compare_some();
        if (!has_no_power()) return wrong;
        return crash_and_open();
    }

    std::string act() {
        const std::uint64_t kind = work_.below(100);
        if (kind < 52) return labelled("append", append());
        if (kind < 56) return labelled("append at level os", append_unsynced());
        if (kind < 68) return labelled("create", create());
        if (kind < 78) return labelled("merge", merge());
        if (kind < 82) return labelled("discard", discard());
        if (kind < 85) return labelled("extend", extend());
        if (kind < 87) return labelled("expire", expire());
        if (kind < 95) return labelled("maintain", maintain());
        if (kind < 96) return labelled("reclaim", reclaim());
        if (kind < 97) return labelled("close", close_and_open());
        if (kind < 98) return labelled("crash", crash_and_open());
        return labelled("refusals", ask_for_what_is_gone());
    }

    // --- giving back space ---

    /// All that can be given back, now.
    std::string reclaim() {
        const std::int64_t begin_ns = sim_.clock.wall_ns();
        const auto reclaimed = store_->reclaim_forks();
        if (has_no_power()) return "";
        if (!reclaimed.ok()) return reclaimed.error().message;
        tally_.removed_count += reclaimed->removed_events;
        if (const auto stats = store_->view()->stats(); stats.ok() && !stats->reclaim_error.empty())
            return "could not: " + stats->reclaim_error;
        return note_expired(begin_ns);
    }

    /// A view, and a page of it, that somebody goes on holding whatever becomes of the branch.
    struct Held {
        std::string branch;
        View view;
        ViewOptions options;
        ModelBranch as_it_was;
        Page page;
        std::vector<Event> events;  ///< Of the page, copied when it was read.
    };

    std::string hold() {
        if (held_.size() < 3 && work_.chance(0.2)) {
            const ModelBranch& branch = model_->branch(pick(readable()));
            if (branch.events().empty()) return "";
            Held held{.branch = branch.id, .view = {}, .options = {.branch = branch.id}, .as_it_was = branch};
            auto view = store_->view(held.options);
            if (!view.ok()) return view.error().message;
            held.view = std::move(view).value();
            const Status read = held.view.read({.order = work_.chance(0.5) ? Order::kBackward : Order::kForward,
                                                .limit = static_cast<std::uint32_t>(1 + work_.below(50))},
                                               held.page);
            if (!read.ok()) return read.error().message;
            for (const EventView& event : held.page.events()) held.events.push_back(copy(event));
            held_.push_back(std::move(held));
        }
        for (const Held& held : held_) {
            for (std::size_t i = 0; i < held.events.size(); ++i) {
                const EventView& event = held.page.events()[i];
                if (event.id != held.events[i].id || event.payload != held.events[i].payload ||
                    event.entity_id != held.events[i].entity_id)
                    return "a page of " + held.branch + " changed while it was held";
            }
            Page page;
            if (const Status read = held.view.read({.limit = 10'000}, page); !read.ok())
                return "a view of " + held.branch + " that is held: " + read.error().message;
            const ReferenceEvents wanted = held.as_it_was.store.seen({});
            if (std::string wrong = testing::compare(page, wanted, 0, 10'000); !wrong.empty())
                return "a view of " + held.branch + " that is held: " + wrong;
        }
        if (!held_.empty() && work_.chance(0.1))
            held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(work_.below(held_.size())));
        return "";
    }

    // --- opening, closing, losing power ---

    /// As somebody would who knows that the store rested and that the clock is right: until then forks outlive their
    /// time.
    void trust_clock() {
        store_->impl_->engine->database->confirm_clock();
        (void)store_->impl_->engine->database->expire_forks();
    }

    std::string open() {
        const std::int64_t begin_ns = sim_.clock.wall_ns();
        auto opened = open_store(sim_.files, sim_, options_);
        if (!opened.ok()) return has_no_power() ? crash_and_open() : "does not open: " + opened.error().message;
        store_.emplace(std::move(opened).value());
        trust_clock();
        if (!model_) model_.emplace(store_->database());
        return note_expired(begin_ns);
    }

    std::string close_and_open() {
        followers_.clear();
        held_.clear();
        const Status closed = store_->close();
        store_.reset();
        if (has_no_power()) return crash_and_open();
        if (!closed.ok()) return closed.error().message;
        unsettled_.clear();
        return open();
    }

    std::string crash_and_open() {
        followers_.clear();
        held_.clear();
        if (!has_no_power()) sim_.files.crash_at_op(sim_.files.op_count());  // The process writes nothing more.
        store_.reset();
        sim_.files.crash(testing::kCrashModes[work_.below(std::size(testing::kCrashModes))]);
        is_cut_planned_ = work_.chance(0.3);
        if (is_cut_planned_) sim_.files.crash_at_op(sim_.files.op_count() + work_.below(80), {.torn = true});
        ++tally_.crash_count;
        const std::int64_t begin_ns = sim_.clock.wall_ns();
        auto opened = open_store(sim_.files, sim_, options_);
        if (!opened.ok())
            return has_no_power() ? crash_and_open() : "does not open after a crash: " + opened.error().message;
        store_.emplace(std::move(opened).value());
        trust_clock();
        std::string wrong = labelled("after a crash", settle(begin_ns));
        for (const std::string& id : readable())
            if (wrong.empty()) wrong = labelled("after a crash, in " + id, read_all(id));
        return has_no_power() ? crash_and_open() : wrong;
    }

    /// What was acknowledged is there; of the rest, in the order of the log, some is, each whole or not at all.
    std::string settle(std::int64_t begin_ns) {
        bool is_missing = false;
        while (!unsettled_.empty()) {
            std::string wrong;
            const std::optional<bool> is_there = settle_one(unsettled_.front(), wrong);
            if (has_no_power()) return "";
            if (!wrong.empty()) return wrong;
            if (is_there == true && is_missing) return "something is there without what came before it";
            is_missing = is_missing || is_there == false;
            (is_there == false ? tally_.lost_count : tally_.kept_count) += 1;
            unsettled_.erase(unsettled_.begin());
        }
        return note_expired(begin_ns);
    }

    /// Whether it came about, and then the model knows; nothing where that cannot be told.
    std::optional<bool> settle_one(const Unsettled& unsettled, std::string& wrong) {
        switch (unsettled.kind) {
            case Unsettled::Kind::kAppend: return settle_append(unsettled, wrong);
            case Unsettled::Kind::kCreate: return settle_create(unsettled, wrong);
            case Unsettled::Kind::kMerge: return settle_merge(unsettled);
            case Unsettled::Kind::kDiscard: {
                const auto info = store_->fork(unsettled.branch);
                ModelBranch& branch = model_->branch(unsettled.branch);
                if (info.ok() && info->status == ForkStatus::kDiscarded) branch.status = ForkStatus::kDiscarded;
                return !branch.is_live();
            }
            case Unsettled::Kind::kExtend: {
                const auto info = store_->fork(unsettled.branch);
                ModelBranch& branch = model_->branch(unsettled.branch);
                if (!info.ok() || info->expires_at == branch.expires_at) return false;
                branch.expires_at = info->expires_at;
                ++branch.extended_count;
                return true;
            }
        }
        return false;
    }

    std::optional<bool> settle_append(const Unsettled& unsettled, std::string& wrong) {
        ModelBranch& branch = model_->branch(unsettled.branch);
        const auto view = store_->view({.branch = branch.id});
        // Nothing can be said, or need be, of a fork that is gone by now.
        if (!view.ok()) {
            if (view.error().code != ErrorCode::kGone) wrong = view.error().message;
            return std::nullopt;
        }
        Page page;
        AppendResult found;
        for (const Uuid& id : unsettled.ids) {
            const Status read = view->read_event(id, page);
            if (!read.ok() && read.error().code != ErrorCode::kNotFound) wrong = read.error().message;
            if (!read.ok()) continue;
            const EventView& event = page.events()[0];
            found.events.push_back({event.id, event.position, event.version});
            found.recorded_at = event.recorded_at;
        }
        if (!wrong.empty()) return std::nullopt;
        if (found.events.size() != unsettled.ids.size() && !found.events.empty()) wrong = "a batch is not whole";
        const bool is_there = !found.events.empty();
        if (!is_there && unsettled.is_in_model && branch.events().size() > unsettled.events_before)
            branch.keep_first(unsettled.events_before);
        if (is_there && !unsettled.is_in_model) model_->add(branch, unsettled.batch, found);
        return is_there;
    }

    bool settle_create(const Unsettled& unsettled, std::string& wrong) {
        const auto forks = store_->forks({.with_ended = true});
        if (!forks.ok()) return false;
        for (const ForkInfo& info : *forks) {
            if (model_->has(info.id) || forgotten_.contains(info.id)) continue;
            if (info.parent != unsettled.branch || info.name != unsettled.fork.name) wrong = "a fork nobody asked for";
            model_->add_fork(info, unsettled.fork_count);
            return true;
        }
        return false;
    }

    bool settle_merge(const Unsettled& unsettled) {
        ModelBranch& fork = model_->branch(unsettled.branch);
        const auto info = store_->fork(fork.id);
        if (!info.ok() || info->status != ForkStatus::kMerged) return false;
        const auto again = store_->merge_fork(fork.id);
        if (!again.ok()) return false;
        model_->add_merge(fork, *unsettled.merge, *again);
        return true;
    }

    /// A call failed: honest if the power is gone, and then what was asked for may have come about or not.
    std::string failed(const Error& error, Unsettled unsettled) {
        if (!has_no_power()) return "failed: " + error.message;
        if (error.outcome == Outcome::kUnknown || unsettled.kind != Unsettled::Kind::kAppend)
            unsettled_.push_back(std::move(unsettled));
        return "";
    }

    // --- choosing ---

    std::vector<std::string> those(const std::function<bool(const ModelBranch&)>& which) {
        std::vector<std::string> ids;
        for (const auto& [id, branch] : model_->branches())
            if (which(branch)) ids.push_back(id);
        return ids;
    }
    std::vector<std::string> readable() {
        return those([](const ModelBranch& branch) { return !branch.is_gone(); });
    }
    std::string pick(const std::vector<std::string>& ids) { return ids[work_.below(ids.size())]; }
    /// Main, or a live fork; now and then one that was merged.
    std::string some_branch() {
        if (work_.chance(0.2)) return "main";
        return work_.chance(0.06) ? pick(readable()) : pick(those(std::mem_fn(&ModelBranch::is_live)));
    }
    std::optional<std::string> some_fork() {
        const auto forks = those([](const ModelBranch& b) { return !b.parent.empty() && !b.is_gone(); });
        return forks.empty() ? std::nullopt : std::optional(pick(forks));
    }
    /// How a caller may name a branch.
    std::string name_of(const ModelBranch& branch) {
        return branch.is_live() && !branch.name.empty() && work_.chance(0.5) ? branch.name : branch.id;
    }

    // --- appends ---

    std::string append() {
        ModelBranch& branch = model_->branch(some_branch());
        SentBatch batch = work_.batch(branch, sim_.clock.wall_ns());
        batch.options.branch = name_of(branch);
        const Expect expect = model_->predict(branch, batch);
        const auto answer = store_->append(batch.build(), batch.options);
        return check_append(branch, batch, expect, answer);
    }

    std::string check_append(ModelBranch& branch, const SentBatch& batch, Expect expect,
                             const Result<AppendResult>& answer) {
        if (!answer.ok() && has_no_power()) {
            if (expect != Expect::kPlaced || answer.error().outcome == Outcome::kNotAppended) return "";
            if (!answer.error().append_failure) return "an unknown outcome without ids";
            return failed(answer.error(), {.kind = Unsettled::Kind::kAppend,
                                           .branch = branch.id,
                                           .batch = batch,
                                           .ids = answer.error().append_failure->event_ids});
        }
        switch (expect) {
            case Expect::kPlaced: return check_placed(branch, batch, answer);
            case Expect::kChecked: return answer.ok() && answer->events.empty() ? "" : "a check that holds was refused";
            case Expect::kDuplicate: return check_duplicate(branch, batch, answer);
            case Expect::kConflict: return refused(answer, ErrorCode::kVersionConflict);
            case Expect::kOtherContent: return refused(answer, ErrorCode::kIdConflict);
            case Expect::kPartlyKnown: return refused(answer, ErrorCode::kPartialDuplicate);
            case Expect::kGone: return refused(answer, ErrorCode::kGone);
        }
        return "";
    }

    template <typename T>
    std::string refused(const Result<T>& answer, ErrorCode code) const {
        if (answer.ok()) return "accepted, expected " + std::string(error_code_name(code));
        if (answer.error().code == code || has_no_power()) return "";
        return "refused with " + answer.error().message + ", expected " + std::string(error_code_name(code));
    }

    std::string check_placed(ModelBranch& branch, const SentBatch& batch, const Result<AppendResult>& answer) {
        if (!answer.ok()) return "refused: " + answer.error().message;
        if (answer->duplicate || answer->events.size() != batch.events.size()) return "taken for another batch";
        model_->add(branch, batch, *answer);
        const ReferenceEvent* event = &branch.events().back() - (batch.events.size() - 1);
        for (const AppendedEvent& placed : answer->events) {
            if (placed.position.value != event->position || placed.version.value != event->version)
                return "answered another position or version";
            ++event;
        }
        if (ForkModel::names_ids(batch) && answer->events.front().id != model_->event_id(batch, 0))
            return "answered another id";
        return "";
    }

    std::string check_duplicate(const ModelBranch& branch, const SentBatch& batch, const Result<AppendResult>& answer) {
        if (!answer.ok()) return "a retry was refused: " + answer.error().message;
        if (!answer->duplicate || answer->events.size() != batch.events.size()) return "a retry was not recognised";
        for (std::size_t i = 0; i < batch.events.size(); ++i) {
            const ReferenceEvent* known = branch.find(answer->events[i].id);
            if (known == nullptr || known->id != model_->event_id(batch, i)) return "a retry got other ids";
            if (known->position != answer->events[i].position.value ||
                known->version != answer->events[i].version.value)
                return "a retry got another position or version";
        }
        return "";
    }

    /// Some appends that are synced together, later.
    std::string append_unsynced() {
        for (std::uint64_t i = 1 + work_.below(3); i > 0; --i) {
            ModelBranch& branch = model_->branch(some_branch());
            SentBatch batch = work_.batch(branch, sim_.clock.wall_ns());
            batch.options.branch = name_of(branch);
            batch.options.durability = Durability::kOs;
            const Expect expect = model_->predict(branch, batch);
            const std::uint64_t events_before = branch.events().size();
            const auto answer = store_->append(batch.build(), batch.options);
            if (std::string wrong = check_append(branch, batch, expect, answer); !wrong.empty()) return wrong;
            if (has_no_power() && !answer.ok()) return "";
            if (expect != Expect::kPlaced) continue;
            Unsettled& unsettled = unsettled_.emplace_back();
            unsettled.branch = branch.id;
            unsettled.is_in_model = true;
            unsettled.events_before = events_before;
            for (const AppendedEvent& event : answer->events) unsettled.ids.push_back(event.id);
        }
        sim_.clock.advance(kSecondNs / 5);
        return maintain();
    }

    // --- forks ---

    std::string create() {
        if (those(std::mem_fn(&ModelBranch::is_live)).size() > kLiveMax) return discard();
        const ModelBranch& parent = model_->branch(some_branch());
        if (parent.depth >= kDepthMax) return "";
        ForkOptions options{.parent = name_of(parent)};
        if (work_.chance(0.5)) options.name = "fork " + std::to_string(work_.below(40));
        if (work_.chance(0.3)) options.ttl_ns = kSecondNs * static_cast<std::int64_t>(1 + work_.below(40));
        std::uint64_t count = parent.events().size();
        if (count > 0 && work_.chance(0.4)) {
            options.at = Position{work_.below(count + (work_.chance(0.05) ? 2 : 0))};
            count = options.at->value + 1;
        }
        if (!parent.events().empty() && work_.chance(0.2)) {
            options.known_at = parent.events()[work_.below(parent.events().size())].recorded_at;
            options.known_at->ns += static_cast<std::int64_t>(work_.below(3)) - 1;
            const auto known = parent.store.known({.known_at = options.known_at});
            count = std::min<std::uint64_t>(count, known.size());
        }
        const bool is_name_taken = !options.name.empty() && !those([&](const ModelBranch& branch) {
                                                                 return branch.is_live() && branch.name == options.name;
                                                             }).empty();
        const bool is_beyond = options.at && options.at->value >= parent.events().size();
        const auto fork = store_->create_fork(options);
        if (is_beyond) return refused(fork, ErrorCode::kInvalidArgument);
        if (is_name_taken) return refused(fork, ErrorCode::kAlreadyExists);
        if (!fork.ok())
            return failed(
                fork.error(),
                {.kind = Unsettled::Kind::kCreate, .branch = parent.id, .fork = options, .fork_count = count});
        unsettled_.clear();
        if (fork->expires_at.ns - fork->created_at.ns != options.ttl_ns) return "it lives for another time";
        model_->add_fork(*fork, count);
        return labelled("a new fork", compare_info(fork->id));
    }

    std::string discard() {
        const auto id = some_fork();
        if (!id) return "";
        ModelBranch& branch = model_->branch(*id);
        const auto discarded = store_->discard_fork(name_of(branch));
        if (!branch.is_live()) return refused(discarded, ErrorCode::kGone);
        if (!discarded.ok()) return failed(discarded.error(), {.kind = Unsettled::Kind::kDiscard, .branch = branch.id});
        branch.status = ForkStatus::kDiscarded;
        forget_some();
        return "";
    }

    std::string extend() {
        const auto id = some_fork();
        if (!id) return "";
        ModelBranch& branch = model_->branch(*id);
        const std::int64_t ttl_ns = kSecondNs * static_cast<std::int64_t>(1 + work_.below(100'000));
        const std::int64_t begin_ns = sim_.clock.wall_ns();
        const auto extended = store_->extend_fork(name_of(branch), ttl_ns);
        if (!branch.is_live()) return refused(extended, ErrorCode::kGone);
        if (!extended.ok())
            return failed(extended.error(), {.kind = Unsettled::Kind::kExtend, .branch = branch.id, .ttl_ns = ttl_ns});
        const std::int64_t from_ns = extended->expires_at.ns - ttl_ns;
        if (from_ns < begin_ns || from_ns > sim_.clock.wall_ns()) return "it expires at another time";
        branch.expires_at = extended->expires_at;
        ++branch.extended_count;
        return "";
    }

    std::string expire() {
        sim_.clock.advance(kSecondNs * static_cast<std::int64_t>(1 + work_.below(work_.chance(0.2) ? 40'000 : 20)));
        return maintain();
    }

    std::string maintain() {
        const std::int64_t begin_ns = sim_.clock.wall_ns();
        const Status maintained = store_->impl_->engine->database->maintain();
        if (has_no_power()) return "";
        if (!maintained.ok()) return maintained.error().message;
        unsettled_.clear();
        return note_expired(begin_ns);
    }

    /// Forks end when the store says so: not before their time, and by `begin_ns` those whose time it was, unless the
    /// power was cut before that was written.
    std::string note_expired(std::int64_t begin_ns) {
        for (auto& [id, branch] : model_->branches()) {
            if (branch.parent.empty() || branch.is_gone()) continue;
            const auto info = store_->fork(id);
            if (!info.ok()) return "fork " + id + ": " + info.error().message;
            if (info->expires_at != branch.expires_at) return "fork " + id + " expires at another time";
            if (branch.status == ForkStatus::kMerged) {
                if (info->status != ForkStatus::kMerged) return "a fork is not merged any more";
                if (info->is_readable && branch.expires_at.ns <= begin_ns && !has_no_power())
                    return "a merged fork outlived its time";
                if (info->is_readable) continue;
                if (branch.expires_at.ns > sim_.clock.wall_ns()) return "a merged fork expired before its time";
                branch.is_merged_gone = true;
                ++tally_.expired_count;
                continue;
            }
            if (info->status == ForkStatus::kExpired) {
                if (branch.expires_at.ns > sim_.clock.wall_ns()) return "a fork expired before its time";
                branch.status = ForkStatus::kExpired;
                ++tally_.expired_count;
            } else if (info->status != ForkStatus::kLive) {
                return "fork " + id + " ended by itself";
            } else if (branch.expires_at.ns <= begin_ns && !has_no_power()) {
                return "a fork outlived its time";
            }
        }
        forget_some();
        return "";
    }

    /// Keeps the number of branches that are gone small.
    void forget_some() {
        auto ended = those(std::mem_fn(&ModelBranch::is_gone));
        while (ended.size() > kEndedMax) {
            const std::string id = pick(ended);
            std::erase(ended, id);
            const bool is_parent =
                !those([&](const ModelBranch& branch) { return branch.parent == id && !branch.is_gone(); }).empty();
            if (is_parent) continue;
            forgotten_[id] = model_->branch(id).fact_count();
            model_->branches().erase(id);
        }
    }

    // --- merging ---

    MergeOptions merge_options(const ModelBranch& fork) {
        MergeOptions options{.dry_run = work_.chance(0.2), .append_if_moved = work_.chance(0.3)};
        if (work_.chance(0.35)) options.others = resolution();
        std::set<std::string> named;
        while (work_.chance(0.35) && named.size() < 4) {
            const std::string entity =
                fork.own_event_count() > 0 && work_.chance(0.8)
                    ? fork.events()[fork.first_position + work_.below(fork.own_event_count())].sent.entity_id
                    : work_.entity();
            if (named.insert(entity).second) options.entities.push_back({entity, resolution()});
        }
        return options;
    }
    static bool names_what_was_not_written(const ModelBranch& fork, const MergeOptions& options) {
        if (fork.own_event_count() == 0) return false;
        const auto begin = fork.events().begin() + static_cast<std::ptrdiff_t>(fork.first_position);
        const auto is_written = [&](const MergeOptions::Entity& named) {
            return std::any_of(begin, fork.events().end(),
                               [&](const auto& event) { return event.sent.entity_id == named.entity_id; });
        };
        return !std::all_of(options.entities.begin(), options.entities.end(), is_written);
    }
    MergeResolution resolution() { return work_.chance(0.5) ? MergeResolution::kSkip : MergeResolution::kForce; }

    std::string merge() {
        const auto id = some_fork();
        if (!id) return "";
        ModelBranch& fork = model_->branch(*id);
        MergeOptions options = merge_options(fork);
        if (fork.status == ForkStatus::kMerged) return merge_again(fork, options);
        if (!model_->has(fork.parent) || !model_->branch(fork.parent).is_live())
            return refused(store_->merge_fork(name_of(fork), options), ErrorCode::kGone);
        if (names_what_was_not_written(fork, options))
            return refused(store_->merge_fork(name_of(fork), options), ErrorCode::kInvalidArgument);
        std::string wrong = try_merge(fork, options);
        if (!wrong.empty() || has_no_power() || !fork.is_live() || options.dry_run || work_.chance(0.4)) return wrong;
        // There were conflicts: now with an answer to all of them.
        return try_merge(fork, {.others = MergeResolution::kSkip});
    }

    std::string try_merge(ModelBranch& fork, const MergeOptions& options) {
        const ModelMerge plan = model_->plan_merge(fork, options);
        const auto merged = store_->merge_fork(name_of(fork), options);
        if (!merged.ok())
            return failed(merged.error(), {.kind = Unsettled::Kind::kMerge, .branch = fork.id, .merge = plan});
        if (std::string wrong = compare_plan(plan, *merged); !wrong.empty()) return wrong;
        for (const MergeConflict& conflict : merged->conflicts)
            if (std::string wrong = compare_conflict(fork, conflict); !wrong.empty()) return wrong;
        const bool merges = !options.dry_run && plan.conflicts.empty();
        tally_.refused_count += plan.conflicts.empty() ? 0 : 1;
        if (merged->merged != merges) return "is wrong about whether it merged";
        if (!merges) return "";
        const std::uint64_t first = model_->branch(fork.parent).events().size();
        const bool has_place = merged->first_position == Position{first} &&
                               merged->last_position == Position{first + plan.event_count - 1};
        if (plan.event_count > 0 ? !has_place : merged->first_position.has_value()) return "other positions";
        model_->add_merge(fork, plan, *merged);
        ++tally_.merge_count;
        return labelled("the parent", read_all(fork.parent));
    }

    static std::string compare_plan(const ModelMerge& plan, const MergeResult& found) {
        std::vector<ModelMerge::Conflict> conflicts;
        for (const MergeConflict& conflict : found.conflicts) conflicts.push_back({conflict.kind, conflict.entity_id});
        std::sort(conflicts.begin(), conflicts.end());
        const auto list = [](const std::vector<ModelMerge::Conflict>& all) {
            std::string text;
            for (const auto& conflict : all)
                text += " " + std::string(merge_conflict_kind_name(conflict.kind)) + " '" + conflict.entity_id + "'";
            return text;
        };
        if (conflicts != plan.conflicts && found.conflict_count < 100)
            return "conflicts" + list(conflicts) + " instead of" + list(plan.conflicts);
        if (found.conflict_count != plan.conflicts.size()) return "another number of conflicts";
        if (!plan.conflicts.empty()) return "";
        if (found.event_count != plan.event_count) return "another number of events";
        if (found.already_present_count != plan.already_present_count) return "another number that is there already";
        if (found.skipped_count != plan.skipped_count) return "another number of skipped ones";
        return found.forced_count == plan.forced_count ? "" : "another number of forced ones";
    }

    std::string compare_conflict(const ModelBranch& fork, const MergeConflict& conflict) {
        if (conflict.entity_id.empty()) return "";
        testing::ReferenceStore base = fork.store;
        base.keep_first(fork.first_position);
        const testing::ReferenceStore& parent = model_->branch(fork.parent).store;
        const bool fits = conflict.fork_version.value == fork.store.version_of(conflict.entity_id) &&
                          conflict.parent_version.value == parent.version_of(conflict.entity_id) &&
                          conflict.base_version.value == base.version_of(conflict.entity_id);
        return fits ? "" : "a conflict of '" + conflict.entity_id + "' has other versions";
    }

    std::string merge_again(const ModelBranch& fork, const MergeOptions& options) {
        const auto again = store_->merge_fork(fork.id, options);
        if (!again.ok()) return has_no_power() ? "" : again.error().message;
        if (!again->merged || !again->duplicate) return "merged once more";
        const MergeResult& first = *fork.merged;
        const bool is_same = again->event_count == first.event_count && again->skipped_count == first.skipped_count &&
                             again->already_present_count == first.already_present_count &&
                             again->forced_count == first.forced_count &&
                             again->first_position == first.first_position &&
                             again->last_position == first.last_position && again->recorded_at == first.recorded_at;
        return is_same ? "" : "not the first answer again";
    }

    std::string ask_for_what_is_gone() {
        const auto gone = those(std::mem_fn(&ModelBranch::is_gone));
        if (const auto view = store_->view({.branch = "nobody"});
            view.ok() || view.error().code != ErrorCode::kNotFound)
            return "a branch that never was";
        if (gone.empty()) return "";
        const std::string id = pick(gone);
        SentBatch batch{.events = {{.entity_id = "e", .event_type = "t"}}};
        batch.options.branch = id;
        if (std::string wrong = refused(store_->append(batch.build(), batch.options), ErrorCode::kGone); !wrong.empty())
            return wrong;
        const ModelBranch& branch = model_->branch(id);
        std::string merged =
            branch.merged ? merge_again(branch, {}) : refused(store_->merge_fork(id), ErrorCode::kGone);
        if (!merged.empty()) return merged;
        if (std::string wrong = refused(store_->create_fork({.parent = id}), ErrorCode::kGone); !wrong.empty())
            return wrong;
        return refused(store_->view({.branch = id}), ErrorCode::kGone);
    }

    // --- comparing ---

    std::string compare_some() {
        for (int i = 0; i < 2; ++i) {
            const std::string id = work_.chance(0.25) ? "main" : pick(readable());
            std::string wrong = compare_branch(id);
            if (has_no_power()) return "";
            if (!wrong.empty()) return wrong;
        }
        std::string wrong = labelled("follower", follow());
        if (wrong.empty()) wrong = hold();
        if (wrong.empty()) wrong = labelled("$system", compare_system());
        return has_no_power() ? "" : wrong;
    }

    std::string compare_branch(const std::string& id) {
        const ModelBranch& branch = model_->branch(id);
        ViewOptions options{.branch = branch.id};
        if (!branch.events().empty()) {
            if (work_.chance(0.2)) options.at = Position{work_.below(branch.events().size())};
            if (work_.chance(0.2)) options.known_at = some_event(branch).recorded_at;
            if (work_.chance(0.2)) options.as_of = some_event(branch).occurred_at;
        }
        const auto view = store_->view(options);
        const std::string of = "in " + id;
        if (!view.ok()) return of + ": " + view.error().message;
        const ReferenceEvents known = branch.store.known(options);
        if (view->info().branch != id || view->info().at.has_value() == known.empty() ||
            (!known.empty() && view->info().at->value != known.back()->position))
            return of + ": a view of something else";
        if (!branch.parent.empty() &&
            view->info().expires_at != (branch.is_live() ? std::optional(branch.expires_at) : std::nullopt))
            return of + ": a view that ends at another time";
        const auto checks = {&ForkSession::compare_reads,   &ForkSession::compare_entity, &ForkSession::compare_ids,
                             &ForkSession::compare_filters, &ForkSession::compare_counts, &ForkSession::compare_state,
                             &ForkSession::compare_history};
        for (const auto check : checks)
            if (work_.chance(0.5))
                if (std::string wrong = (this->*check)(branch, *view, options); !wrong.empty())
                    return of + ", " + wrong;
        if (work_.chance(0.3))
            if (std::string wrong = read_all(id); !wrong.empty()) return of + ": " + wrong;
        return labelled(of, compare_info(id));
    }

    const ReferenceEvent& some_event(const ModelBranch& branch) {
        return branch.events()[work_.below(branch.events().size())];
    }

    /// Every event of a branch, in order.
    std::string read_all(const std::string& id) {
        const ModelBranch& branch = model_->branch(id);
        const auto view = store_->view({.branch = id});
        if (!view.ok()) return view.error().message;
        Page page;
        if (const Status read = view->read({.limit = 10'000}, page); !read.ok()) return read.error().message;
        return testing::compare(page, branch.store.seen({}), 0, 10'000);
    }

    /// Pages through small cursors, from either end.
    std::string compare_reads(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        ReadOptions options{.order = work_.chance(0.7) ? Order::kBackward : Order::kForward};
        if (work_.chance(0.3)) options.filter = work_.filter();
        const std::size_t known_count = branch.store.known(view_options).size();
        if (known_count > 0 && work_.chance(0.4)) options.after = Position{work_.below(known_count)};
        const ReferenceEvents wanted = branch.store.read(view_options, options);
        Page page;
        for (std::size_t begin = 0, pages = 0; pages < 6; ++pages) {
            options.limit = static_cast<std::uint32_t>(1 + work_.below(9));
            if (const Status read = view.read(options, page); !read.ok()) return "read: " + read.error().message;
            if (std::string wrong = testing::compare(page, wanted, begin, options.limit); !wrong.empty())
                return "read, page " + std::to_string(pages) + ": " + wrong;
            if (!page.has_more()) return "";
            begin += page.events().size();
            options.after.reset();
            options.cursor = page.next_cursor();
        }
        return "";
    }

    std::string compare_entity(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const std::string id = work_.entity();
        const std::uint64_t top = branch.store.version_of(id) + 3;
        EntityReadOptions options{.order = work_.chance(0.5) ? Order::kForward : Order::kBackward};
        if (work_.chance(0.4)) options.from = Version{work_.below(top)};
        if (work_.chance(0.4)) options.to = Version{work_.below(top)};
        options.limit = static_cast<std::uint32_t>(1 + work_.below(60));
        Page page;
        if (const Status read = view.read_entity(id, options, page); !read.ok())
            return "entity " + id + ": " + read.error().message;
        return labelled("entity " + id,
                        testing::compare(page, branch.store.read_entity(view_options, id, options), 0, options.limit));
    }

    /// The last events of an entity, and each with what it changed.
    std::string compare_history(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const std::string id = work_.entity();
        const auto count = static_cast<std::uint32_t>(1 + work_.below(40));
        ReferenceEvents wanted = branch.store.read_entity(view_options, id, {.order = Order::kBackward});
        Page page;
        const Status read = view.read_last_resident(id, count, page);
        if (!read.ok() && read.error().code != ErrorCode::kWouldBlock)
            return "the last of " + id + ": " + read.error().message;
        if (read.ok()) {
            page.has_more_ = wanted.size() > count;
            if (std::string wrong = testing::compare(page, wanted, 0, count); !wrong.empty())
                return "the last of " + id + ": " + wrong;
        }
        const auto history = view.history(id);
        if (!history.ok()) return "history of " + id + ": " + history.error().message;
        std::reverse(wanted.begin(), wanted.end());
        const bool fits = std::equal(wanted.begin(), wanted.end(), history->begin(), history->end(),
                                     [](const ReferenceEvent* event, const HistoryEntry& entry) {
                                         return entry.event.id == event->id &&
                                                entry.event.version.value == event->version &&
                                                entry.event.position.value == event->position;
                                     });
        return fits ? "" : "history of " + id + ": other events";
    }

    /// Events of this branch and of others: each is found here if it is seen here.
    std::string compare_ids(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const ReferenceEvents seen = branch.store.seen(view_options);
        for (int i = 0; i < 3; ++i) {
            const ModelBranch& from = i == 0 ? branch : model_->branch(pick(readable()));
            if (from.events().empty()) continue;
            const Uuid id = some_event(from).id;
            const auto wanted =
                std::find_if(seen.begin(), seen.end(), [&](const ReferenceEvent* event) { return event->id == id; });
            Page page;
            const Status read = view.read_event(id, page);
            if (!read.ok() && read.error().code != ErrorCode::kNotFound) return "by id: " + read.error().message;
            if (read.ok() != (wanted != seen.end())) return "by id: is wrong about whether it is there";
            if (!read.ok()) continue;
            if (std::string wrong = testing::compare(page.events()[0], **wanted); !wrong.empty())
                return "by id: " + wrong;
        }
        return "";
    }

    std::string compare_filters(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const ReadOptions options{.filter = work_.filter(), .limit = 10'000};
        const ReferenceEvents wanted = branch.store.read(view_options, options);
        const auto count = view.count(options.filter);
        if (!count.ok()) return "count: " + count.error().message;
        if (*count != wanted.size())
            return "count: " + std::to_string(*count) + " instead of " + std::to_string(wanted.size());
        Page page;
        if (const Status read = view.read(options, page); !read.ok()) return "filter: " + read.error().message;
        return labelled("filter", testing::compare(page, wanted, 0, options.limit));
    }

    std::string compare_counts(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const auto stats = view.stats();
        if (!stats.ok()) return "stats: " + stats.error().message;
        if (std::string wrong = testing::compare(*stats, branch.store.seen(view_options)); !wrong.empty())
            return "stats: " + wrong;
        const std::string prefix = work_.chance(0.5) ? "" : "order:";
        const std::string after = work_.chance(0.5) ? "" : work_.entity();
        const auto entities = view.entities(prefix, after, 20);
        if (!entities.ok()) return "entities: " + entities.error().message;
        return *entities == branch.store.entities(view_options, prefix, after, 20) ? "" : "another list of entities";
    }

    std::string compare_state(const ModelBranch& branch, const View& view, const ViewOptions& view_options) {
        const std::string id = work_.entity();
        const StateOptions options{.fold = work_.chance(0.7) ? Fold::kMergePatch : Fold::kShallow,
                                   .order = work_.chance(0.7) ? FoldOrder::kStream : FoldOrder::kOccurred,
                                   .ignore_snapshots = work_.chance(0.3)};
        const auto state = view.state(id, options);
        if (!state.ok()) return "state of " + id + ": " + state.error().message;
        return labelled("state of " + id, testing::compare(*state, branch.store.state(view_options, id, options)));
    }

    std::string compare_info(const std::string& id) {
        const ModelBranch& branch = model_->branch(id);
        if (branch.parent.empty()) return "";
        const auto info = store_->fork(id);
        if (!info.ok()) return info.error().message;
        if (info->parent != branch.parent || info->name != branch.name || info->depth != branch.depth)
            return "another fork";
        if (info->is_readable == branch.is_gone()) return "is wrong about whether it can be read";
        if (info->status != branch.status) return "status " + std::string(fork_status_name(info->status));
        if (info->expires_at != branch.expires_at) return "expires at another time";
        if (info->own_event_count != branch.own_event_count()) return "another number of own events";
        const auto position_before = [](std::uint64_t count) {
            return count == 0 ? std::nullopt : std::optional(Position{count - 1});
        };
        if (info->fork_position != position_before(branch.first_position)) return "another fork position";
        return info->head == position_before(branch.events().size()) ? "" : "another head";
    }

    /// $system holds one fact for each thing that was done to a fork, and nothing else.
    std::string compare_system() {
        std::uint64_t wanted = 1;
        for (const auto& [id, fact_count] : forgotten_) wanted += fact_count;
        for (const auto& [id, branch] : model_->branches())
            if (!branch.parent.empty()) wanted += branch.fact_count();
        const auto view = store_->view({.branch = "$system"});
        if (!view.ok()) return view.error().message;
        const auto count = view->count({});
        if (!count.ok()) return count.error().message;
        return *count == wanted ? "" : std::to_string(*count) + " facts instead of " + std::to_string(wanted);
    }

    // --- followers ---

    struct Followed {
        std::string branch;
        std::uint64_t next_position = 0;
        Follower follower;
    };

    std::string follow() {
        if (followers_.size() < 4 && work_.chance(0.3)) {
            const ModelBranch& branch = model_->branch(pick(readable()));
            FollowOptions options{.branch = branch.id};
            std::uint64_t next = 0;
            if (!branch.events().empty() && work_.chance(0.6)) {
                options.after = Position{work_.below(branch.events().size())};
                next = options.after->value + 1;
            }
            auto follower = store_->follow(options);
            if (!follower.ok()) return follower.error().message;
            followers_.push_back({branch.id, next, std::move(follower).value()});
        }
        for (auto followed = followers_.begin(); followed != followers_.end();) {
            bool is_over = false;
            if (std::string wrong = catch_up(*followed, is_over); !wrong.empty()) return wrong;
            followed = is_over ? followers_.erase(followed) : followed + 1;
        }
        return "";
    }

    std::string catch_up(Followed& followed, bool& is_over) {
        is_over = !model_->has(followed.branch);
        if (is_over) return "";
        const ModelBranch& branch = model_->branch(followed.branch);
        Page page;
        while (true) {
            const Status next = followed.follower.next(static_cast<std::uint32_t>(1 + work_.below(20)), 0, page);
            if (!next.ok()) {
                is_over = true;
                if (next.error().code != ErrorCode::kGone || branch.is_live()) return next.error().message;
                // What was there before the end was given, unless the fork is gone.
                return followed.next_position == branch.events().size() || branch.is_gone() ? "" : "ended early";
            }
            if (page.events().empty()) break;
            for (const EventView& event : page.events()) {
                if (followed.next_position >= branch.events().size()) return "more events than the branch has";
                const ReferenceEvent& wanted = branch.events()[followed.next_position++];
                if (std::string wrong = testing::compare(event, wanted); !wrong.empty()) return wrong;
            }
        }
        return followed.next_position == branch.events().size() ? "" : "passed over events";
    }

    io::SimEnvironment sim_;
    ForkWorkload work_;
    const store::DatabaseOptions options_;
    std::optional<ForkModel> model_;
    std::optional<Store> store_;
    std::vector<Followed> followers_;
    std::vector<Held> held_;
    std::vector<Unsettled> unsettled_;
    /// Forks that ended and are not compared any more, and how many facts tell of them.
    std::map<std::string, std::uint64_t> forgotten_;
    bool is_cut_planned_ = false;
    Tally& tally_;
};

void run_seeds(std::uint64_t count) {
    Tally tally;
    testing::for_each_seed(count, [&](std::uint64_t seed) { return ForkSession(seed, tally).run(kOperationsPerSeed); });
    if (std::getenv("CHRONOS_SEED") != nullptr || std::getenv("CHRONOS_SCHEDULES") != nullptr) return;
    count /= testing::share();
    EXPECT_GT(tally.merge_count, count);
    EXPECT_GT(tally.refused_count, count);
    EXPECT_GT(tally.expired_count, count);
    EXPECT_GT(tally.crash_count, count);
    EXPECT_GT(tally.kept_count, 0U);
    EXPECT_GT(tally.lost_count, 0U);
    EXPECT_GT(tally.removed_count, count);
}

TEST(ForkModel, AnswersAsCopiesOfTheParentDo) { run_seeds(8); }

TEST(ForkModel, SlowAnswersAsCopiesOfTheParentDo) { run_seeds(200); }

TEST(ForkModel, TortureAnswersAsCopiesOfTheParentDo) {
    if (!testing::torture_is_on()) GTEST_SKIP() << "set CHRONOS_TORTURE=1";
    run_seeds(20'000);
}

}  // namespace
}  // namespace chronos
