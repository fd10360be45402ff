#include "server/live/consumer_batch.h"

#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/live/live_count.h"
#include "server/services.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

constexpr std::uint32_t kLimitDefault = 100;
constexpr std::uint32_t kLimitMax = 1'000;
constexpr std::uint64_t kWaitSecondsMax = 25;
constexpr std::uint64_t kLeaseSecondsDefault = 30;
constexpr std::uint64_t kLeaseSecondsMax = 3'600;
constexpr std::size_t kOwnerBytesMax = 128;
constexpr std::size_t kAnswerBytesMax = std::size_t{8} << 20;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

/// One batch, put together from what a source has.
class Batch {
public:
    Batch(ConsumerInfo info, EventSource source, std::uint32_t limit)
        : info_(std::move(info)), source_(std::move(source)), limit_(limit) {}

    /// Takes what there is. False: there is nothing.
    Result<bool> fill() {
        Page page;
        while (count_ < limit_ && events_.size() < kAnswerBytesMax) {
            RETURN_IF_ERROR(source_.next(limit_ - count_, page));
            for (const EventView& event : page.events()) {
                events_ += (count_ == 0 ? "" : ",") + to_json(event);
                ++count_;
            }
            if (page.events().empty() && !page.has_more()) break;
        }
        return count_ > 0;
    }

    [[nodiscard]] bool is_empty() const { return count_ == 0; }
    [[nodiscard]] int descriptor() const { return source_.descriptor(); }
    [[nodiscard]] const ConsumerInfo& info() const { return info_; }
    [[nodiscard]] std::optional<Position> position() const { return source_.position(); }

    [[nodiscard]] std::string json() const {
        std::string out;
        json::ObjectWriter writer(out);
        writer.field("consumer_id", info_.name).raw_field("events", "[" + events_ + "]").field("count", count_);
        if (const std::optional<Position> last = position())
            writer.field("position", last->value);
        else
            writer.raw_field("position", "null");
        if (info_.lease) writer.field("owner", info_.lease->owner).field("lease_until", info_.lease->until.to_string());
        writer.end();
        return out;
    }

private:
    ConsumerInfo info_;
    EventSource source_;
    std::uint32_t limit_;
    std::string events_;
    std::uint32_t count_ = 0;
};

/// What was looked at in vain need not be looked at again.
void pass_over(Services& services, const Batch& batch) {
    const std::optional<Position> position = batch.position();
    if (batch.is_empty() && position) services.consumers->pass_over(batch.info(), *position);
}

/// Waits until there is an event, or time is up. The status is sent before that, so what goes wrong meanwhile gives an
/// empty batch; the next request is told.
class WaitingBody final : public BodyStream {
public:
    WaitingBody(Services& services, LiveCount count, Batch batch, std::int64_t deadline_ns)
        : services_(services), count_(std::move(count)), batch_(std::move(batch)), deadline_ns_(deadline_ns) {}

    Step next(std::string& out) override {
        const Result<bool> filled = batch_.fill();
        const bool is_over = !filled.ok() || *filled || services_.world.clock.monotonic_ns() >= deadline_ns_;
        if (!is_over) return Step::kWait;
        pass_over(services_, batch_);
        out = batch_.json();
        return Step::kEnd;
    }
    [[nodiscard]] int descriptor() const override { return batch_.descriptor(); }
    [[nodiscard]] bool is_live() const override { return true; }
    [[nodiscard]] std::string farewell(Ending ending) const override {
        return ending == Ending::kDraining ? batch_.json() : std::string();
    }

private:
    Services& services_;
    LiveCount count_;
    Batch batch_;
    std::int64_t deadline_ns_;
};

struct BatchRequest {
    std::uint32_t limit = kLimitDefault;
    std::uint32_t wait_seconds = 0;
    std::uint32_t lease_seconds = 0;
    std::string owner;
};

Result<BatchRequest> read_request(const Call& call) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(call.request.query));
    BatchRequest request;
    ASSIGN_OR_RETURN(request.limit, wire::take_limit(parameters, kLimitDefault, kLimitMax));
    ASSIGN_OR_RETURN(const auto wait, parameters.take_number("wait_seconds"));
    if (wait.value_or(0) > kWaitSecondsMax) return wrong("wait_seconds is at most 25; ask again after that");
    request.wait_seconds = static_cast<std::uint32_t>(wait.value_or(0));
    ASSIGN_OR_RETURN(request.owner, take_owner(parameters, call));
    ASSIGN_OR_RETURN(request.lease_seconds, take_lease_seconds(parameters));
    RETURN_IF_ERROR(parameters.check_all_taken());
    return request;
}

}  // namespace

Result<std::string> take_owner(wire::Parameters& parameters, const Call& call) {
    ASSIGN_OR_RETURN(std::string owner, parameters.take_text("owner"));
    if (owner.size() > kOwnerBytesMax) return wrong("owner is at most 128 bytes");
    if (!owner.empty()) return owner;
    return call.principal.key_id.empty() ? call.principal.name : "key " + call.principal.key_id;
}

Result<std::uint32_t> take_lease_seconds(wire::Parameters& parameters) {
    ASSIGN_OR_RETURN(const auto seconds, parameters.take_number("lease_seconds"));
    const std::uint64_t value = seconds.value_or(kLeaseSecondsDefault);
    if (value < 1 || value > kLeaseSecondsMax) return wrong("lease_seconds is 1 to 3600");
    return static_cast<std::uint32_t>(value);
}

Response refuse_leased(const ConsumerInfo& info) {
    Response response = problem(409, "consumer-leased",
                                "consumer " + info.name + " is being processed by '" + info.lease->owner + "' until " +
                                    info.lease->until.to_string() + "; wait, or let that owner release it");
    response.body.pop_back();
    std::string lease;
    json::ObjectWriter(lease)
        .field("owner", info.lease->owner)
        .field("lease_until", info.lease->until.to_string())
        .end();
    response.body += "," + lease.substr(1);
    return response;
}

Result<Response> next_batch(Call& call) {
    ASSIGN_OR_RETURN(const BatchRequest request, read_request(call));
    Services& services = call.services;
    ASSIGN_OR_RETURN(ConsumerRegistry::LeaseAnswer lease,
                     services.consumers->take_lease(call.principal.tenant, call.id, request.owner,
                                                    request.wait_seconds + request.lease_seconds));
    if (!lease.is_granted) return refuse_leased(lease.info);
    const StreamStart place{.after = lease.info.position};
    ASSIGN_OR_RETURN(EventSource source, EventSource::open(call.store, lease.info.source, place));
    Batch batch(std::move(lease.info), std::move(source), request.limit);
    ASSIGN_OR_RETURN(const bool has_events, batch.fill());
    Response response;
    response.add_header("Cache-Control", "no-store");
    if (has_events || request.wait_seconds == 0) {
        pass_over(services, batch);
        response.body = batch.json();
        return response;
    }
    ASSIGN_OR_RETURN(LiveCount count, LiveCount::take(services));
    const std::int64_t deadline_ns =
        services.world.clock.monotonic_ns() + std::int64_t{request.wait_seconds} * 1'000'000'000;
    response.stream = std::make_unique<WaitingBody>(services, std::move(count), std::move(batch), deadline_ns);
    return response;
}

}  // namespace chronos::server
