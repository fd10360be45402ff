#include "server/live/subscription_session.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/result.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/live/event_source.h"
#include "server/live/live_count.h"
#include "server/live/socket_message.h"
#include "server/reading.h"
#include "server/services.h"

namespace chronos::server {
namespace {

constexpr std::size_t kSubscriptionsMax = 32;
/// Of one subscription before the next has its turn.
constexpr std::uint64_t kTurnEvents = 64;
/// Messages that wait to be sent; what comes in is not dealt with before they are gone.
constexpr std::size_t kTurnBytes = std::size_t{128} << 10;

std::string message(std::string_view type, std::string_view id) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("type", type);
    if (!id.empty()) writer.field("id", id);
    writer.end();
    return out;
}

/// With one more member, which is JSON.
std::string message(std::string_view type, std::string_view id, std::string_view name, std::string_view json) {
    std::string out;
    json::ObjectWriter writer(out);
    writer.field("type", type);
    if (!id.empty()) writer.field("id", id);
    writer.raw_field(name, json).end();
    return out;
}

class SubscriptionSession final : public SocketSession {
public:
    explicit SubscriptionSession(Call& call) : store_(call.store), services_(call.services) {}

    [[nodiscard]] std::string_view subprotocol() const override { return kSubscriptionProtocol; }

    void take(std::string_view text) override {
        Result<SocketMessage> parsed = parse_socket_message(text, services_.now());
        if (!parsed.ok()) return refuse(socket_message_id(text), parsed.error());
        if (auto* const subscribe = std::get_if<SubscribeMessage>(&*parsed)) return take_subscribe(*subscribe);
        if (const auto* const credit = std::get_if<CreditMessage>(&*parsed)) return take_credit(*credit);
        take_unsubscribe(std::get<UnsubscribeMessage>(*parsed));
    }

    BodyStream::Step next(std::vector<std::string>& out) override {
        out = std::exchange(answers_, {});
        bool has_more = false;
        std::size_t bytes = 0;
        // Each has its turn, beginning with the one behind the last that was served.
        const std::size_t count = subscriptions_.size();
        auto at = subscriptions_.upper_bound(last_served_);
        for (std::size_t i = 0; i < count && bytes < kTurnBytes && !subscriptions_.empty(); ++i) {
            if (at == subscriptions_.end()) at = subscriptions_.begin();
            last_served_ = at->first;
            const Served served = serve(at->first, at->second, out, bytes);
            has_more = has_more || served == Served::kSome;
            at = served == Served::kEnded ? subscriptions_.erase(at) : std::next(at);
        }
        return has_more || bytes >= kTurnBytes ? BodyStream::Step::kMore : BodyStream::Step::kWait;
    }

    [[nodiscard]] std::vector<int> descriptors() const override {
        std::vector<int> list;
        for (const auto& [id, subscription] : subscriptions_) {
            if (subscription.credits > 0) list.push_back(subscription.source.descriptor());
        }
        return list;
    }

    [[nodiscard]] std::string farewell(BodyStream::Ending ending) const override {
        return message("error", {}, "problem", ending_problem(ending == BodyStream::Ending::kDraining));
    }

private:
    struct Subscription {
        EventSource source;
        LiveCount count;
        std::uint64_t credits = 0;
        bool is_caught_up = false;  ///< And was told so.
    };
    enum class Served : std::uint8_t { kNone, kSome, kEnded };

    void refuse(const std::string& id, const Error& error) {
        answers_.push_back(message("error", id, "problem", problem_json(error)));
    }

    void take_subscribe(const SubscribeMessage& wanted) {
        if (Status made = subscribe(wanted); !made.ok()) refuse(wanted.id, made.error());
    }

    Status subscribe(const SubscribeMessage& wanted) {
        if (subscriptions_.contains(wanted.id))
            return base::fail(ErrorCode::kAlreadyExists, "there is a subscription of this id; unsubscribe it first");
        if (subscriptions_.size() >= kSubscriptionsMax)
            return base::fail(ErrorCode::kLimitExceeded, "a connection has at most 32 subscriptions");
        ASSIGN_OR_RETURN(LiveCount count, LiveCount::take(services_));
        ASSIGN_OR_RETURN(EventSource source, EventSource::open(store_, wanted.source, wanted.place));
        answers_.push_back(message("subscribed", wanted.id));
        subscriptions_.emplace(
            wanted.id, Subscription{.source = std::move(source), .count = std::move(count), .credits = wanted.credits});
        return {};
    }

    void take_credit(const CreditMessage& granted) {
        const auto found = subscriptions_.find(granted.id);
        if (found == subscriptions_.end()) return refuse_unknown(granted.id);
        if (found->second.credits + granted.credits > kCreditsMax)
            return refuse(granted.id, base::fail(ErrorCode::kLimitExceeded,
                                                 "a subscription has at most 1,000,000 credits at a time"));
        found->second.credits += granted.credits;
    }

    void take_unsubscribe(const UnsubscribeMessage& given) {
        if (subscriptions_.erase(given.id) == 0) return refuse_unknown(given.id);
        answers_.push_back(message("unsubscribed", given.id));
    }

    void refuse_unknown(const std::string& id) {
        refuse(id, base::fail(ErrorCode::kNotFound, "there is no subscription of this id on this connection"));
    }

    Served serve(const std::string& id, Subscription& subscription, std::vector<std::string>& out, std::size_t& bytes) {
        if (subscription.credits == 0) return Served::kNone;
        Page page;
        const auto max = static_cast<std::uint32_t>(std::min(subscription.credits, kTurnEvents));
        if (Status read = subscription.source.next(max, page); !read.ok()) {
            out.push_back(message("ended", id, "problem", problem_json(read.error())));
            return Served::kEnded;
        }
        for (const EventView& event : page.events()) {
            out.push_back(message("event", id, "event", to_json(event)));
            bytes += out.back().size();
        }
        subscription.credits -= page.events().size();
        if (!page.events().empty() || page.has_more()) return Served::kSome;
        if (!std::exchange(subscription.is_caught_up, true)) {
            const std::optional<Position> position = subscription.source.position();
            out.push_back(message("caught_up", id, "position", position ? std::to_string(position->value) : "null"));
        }
        return Served::kNone;
    }

    Store& store_;
    Services& services_;
    std::map<std::string, Subscription> subscriptions_;
    std::string last_served_;
    std::vector<std::string> answers_;
};

}  // namespace

SocketOpening open_subscription_session(Call& call) {
    if (!call.request.query.empty())
        return {.refusal =
                    problem(400, "invalid-argument",
                            "with chronos.v1 filters and places are said in subscribe messages, not in the URL")};
    return {.session = std::make_unique<SubscriptionSession>(call)};
}

}  // namespace chronos::server
