#include "server/live/plain_session.h"

#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/live/consumer_batch.h"
#include "server/live/consumer_registry.h"
#include "server/live/event_source.h"
#include "server/live/live_count.h"
#include "server/live/socket_message.h"
#include "server/services.h"

namespace chronos::server {
namespace {

constexpr std::uint32_t kTurnEvents = 256;
constexpr std::uint32_t kLeaseSeconds = 30;
constexpr std::int64_t kRenewNs = 10'000'000'000;

/// Of a consumer whose events are replayed and then sent as they come.
struct Ownership {
    std::string tenant, consumer, owner;
    std::int64_t renewed_at_ns = 0;
};

class PlainSession final : public SocketSession {
public:
    PlainSession(Call& call, SourceOptions options, EventSource source, LiveCount count,
                 std::optional<Ownership> ownership)
        : store_(call.store),
          services_(call.services),
          options_(std::move(options)),
          source_(std::move(source)),
          count_(std::move(count)),
          ownership_(std::move(ownership)),
          is_replaying_(ownership_.has_value()) {}

    void take(std::string_view text) override {
        Result<PlainMessage> parsed = parse_plain_message(text);
        Status changed = parsed.ok() ? change_filter(std::move(*parsed)) : Status(parsed.error());
        if (!changed.ok()) answers_.push_back(error_message(problem_json(changed.error())));
    }

    BodyStream::Step next(std::vector<std::string>& out) override {
        out = std::exchange(answers_, {});
        if (!renew_lease(out)) return BodyStream::Step::kEnd;
        Page page;
        if (Status read = source_.next(kTurnEvents, page); !read.ok()) {
            out.push_back(error_message(problem_json(read.error())));
            return BodyStream::Step::kEnd;
        }
        for (const EventView& event : page.events()) out.push_back(is_replaying_ ? replayed(event) : to_json(event));
        if (!page.events().empty() || page.has_more()) return BodyStream::Step::kMore;
        if (std::exchange(is_replaying_, false)) {
            out.emplace_back();
            json::ObjectWriter(out.back()).field("type", "replay_complete").field("replayed", replayed_count_).end();
        }
        return BodyStream::Step::kWait;
    }

    [[nodiscard]] std::vector<int> descriptors() const override { return {source_.descriptor()}; }
    [[nodiscard]] std::string farewell(BodyStream::Ending ending) const override {
        return error_message(ending_problem(ending == BodyStream::Ending::kDraining));
    }

private:
    static std::string error_message(const std::string& problem) {
        std::string out;
        json::ObjectWriter(out).field("type", "error").raw_field("problem", problem).end();
        return out;
    }

    std::string replayed(const EventView& event) {
        ++replayed_count_;
        std::string out;
        json::ObjectWriter(out)
            .field("type", "replay")
            .field("position", event.position.value)
            .raw_field("event", to_json(event))
            .end();
        return out;
    }

    /// Goes on behind what was sent, with another filter.
    Status change_filter(PlainMessage message) {
        SourceOptions options = options_;
        if (auto* const patterns = std::get_if<PatternFilterMessage>(&message)) {
            options.patterns = std::move(patterns->patterns);
            options.filter.event_types.clear();
        } else {
            auto& fields = std::get<FieldFilterMessage>(message);
            options.filter.entity_ids.clear();
            options.filter.event_types.clear();
            options.patterns = TypePatterns();
            if (fields.entity_id) options.filter.entity_ids.push_back(std::move(*fields.entity_id));
            if (fields.event_type) options.filter.event_types.push_back(std::move(*fields.event_type));
        }
        ASSIGN_OR_RETURN(EventSource source, EventSource::open(store_, options, {.after = source_.position()}));
        source_ = std::move(source);
        options_ = std::move(options);
        return {};
    }

    /// False: somebody else has the consumer now.
    bool renew_lease(std::vector<std::string>& out) {
        if (!ownership_) return true;
        const std::int64_t now = services_.world.clock.monotonic_ns();
        if (now - ownership_->renewed_at_ns < kRenewNs) return true;
        ownership_->renewed_at_ns = now;
        const auto lease =
            services_.consumers->take_lease(ownership_->tenant, ownership_->consumer, ownership_->owner, kLeaseSeconds);
        if (lease.ok() && lease->is_granted) return true;
        out.push_back(error_message(lease.ok() ? refuse_leased(lease->info).body : problem_json(lease.error())));
        return false;
    }

    Store& store_;
    Services& services_;
    SourceOptions options_;
    EventSource source_;
    LiveCount count_;
    std::optional<Ownership> ownership_;
    bool is_replaying_;
    std::uint64_t replayed_count_ = 0;
    std::vector<std::string> answers_;
};

/// Where a session begins, and who it is for.
struct Beginning {
    SourceOptions options;
    StreamStart place{.is_head = true};
    std::optional<Ownership> ownership;
    std::optional<Response> refusal;
};

/// As its clients expect, a consumer that is not there is made: of all events, from the start.
Status begin_with_consumer(Call& call, const std::string& name, const std::string& owner, Beginning& beginning) {
    if (!call.principal.scopes.allows(access::Scope::kWrite)) {
        beginning.refusal =
            problem(403, "scope-missing", "this key may not process consumers; it takes the scope write");
        return {};
    }
    ConsumerRegistry& consumers = *call.services.consumers;
    const std::string& tenant = call.principal.tenant;
    if (!consumers.find(tenant, name).ok()) {
        const Timestamp now = call.services.now();
        ASSIGN_OR_RETURN(const auto made,
                         consumers.create({.tenant = tenant, .name = name, .created_at = now, .filters_at = now}));
        (void)made;
    }
    ASSIGN_OR_RETURN(ConsumerRegistry::LeaseAnswer lease, consumers.take_lease(tenant, name, owner, kLeaseSeconds));
    if (!lease.is_granted) {
        beginning.refusal = refuse_leased(lease.info);
        return {};
    }
    beginning.options = lease.info.source;
    beginning.place = {.after = lease.info.position};
    beginning.ownership = Ownership{
        .tenant = tenant, .consumer = name, .owner = owner, .renewed_at_ns = call.services.world.clock.monotonic_ns()};
    return {};
}

Result<Beginning> read_beginning(Call& call) {
    Beginning beginning;
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    ASSIGN_OR_RETURN(const std::string consumer, parameters.take_text("consumer_id"));
    if (!consumer.empty()) {
        ASSIGN_OR_RETURN(const std::string owner, take_owner(parameters, call));
        RETURN_IF_ERROR(parameters.check_all_taken());
        RETURN_IF_ERROR(begin_with_consumer(call, consumer, owner, beginning));
        return beginning;
    }
    if (parameters.has("after")) {
        ASSIGN_OR_RETURN(beginning.place, take_after(parameters));
    }
    ASSIGN_OR_RETURN(beginning.options, take_source(parameters, call.services.now()));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return beginning;
}

Result<SocketOpening> open(Call& call) {
    ASSIGN_OR_RETURN(LiveCount count, LiveCount::take(call.services));
    ASSIGN_OR_RETURN(Beginning beginning, read_beginning(call));
    if (beginning.refusal) return SocketOpening{.refusal = std::move(beginning.refusal)};
    ASSIGN_OR_RETURN(EventSource source, EventSource::open(call.store, beginning.options, beginning.place));
    return SocketOpening{.session =
                             std::make_unique<PlainSession>(call, std::move(beginning.options), std::move(source),
                                                            std::move(count), std::move(beginning.ownership))};
}

}  // namespace

SocketOpening open_plain_session(Call& call) {
    Result<SocketOpening> opened = open(call);
    if (!opened.ok()) return {.refusal = problem_of(opened.error())};
    return std::move(*opened);
}

}  // namespace chronos::server
