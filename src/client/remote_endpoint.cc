// The endpoint behind a server: each question is a request.
#include <iterator>
#include <utility>

#include "base/result.h"
#include "client/decode.h"
#include "client/endpoint.h"
#include "client/request_json.h"
#include "json/writer.h"

namespace chronos::client {
namespace {

constexpr std::uint32_t kPageEventsMax = 1'000;  // what a server gives at once
constexpr std::uint32_t kPageEntitiesMax = 1'000;

/// Builds the query of a request.
class QueryText {
public:
    void add(std::string_view name, std::string_view value) {
        text_ += text_.empty() ? '?' : '&';
        text_ += std::string(name) + "=" + percent_encoded(value);
    }
    void add_if(std::string_view name, std::string_view value) {
        if (!value.empty()) add(name, value);
    }
    void add(std::string_view name, const std::optional<Position>& position) {
        if (position) add(name, std::to_string(position->value));
    }
    void add(std::string_view name, const std::optional<Timestamp>& time) {
        if (time) add(name, time->to_string());
    }
    void add_number(std::string_view name, std::uint64_t number) { add(name, std::to_string(number)); }

    void add_view(const ViewOptions& view, std::string_view prefix = "") {
        const std::string before(prefix);
        if (view.branch != "main" || !before.empty()) add(before + "fork", view.branch);
        add(before + "at", view.at);
        add(before + "known_at", view.known_at);
        add(before + "as_of", view.as_of);
    }
    void add_fold(const StateOptions& options) {
        add("fold", options.fold == Fold::kShallow ? "shallow" : "merge");
        add("fold_order", options.order == FoldOrder::kOccurred ? "occurred" : "stream");
    }
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
};

/// The body of a good answer.
Result<std::string> answer_of(HttpClient& http, const HttpRequest& request) {
    ASSIGN_OR_RETURN(HttpReply reply, http.send(request));
    if (reply.status >= 200 && reply.status < 300) return std::move(reply.body);
    return error_of(reply);
}

class RemoteView final : public EndpointView {
public:
    /// `options` has everything resolved: its answers stay those of one view.
    RemoteView(HttpClient& http, ViewOptions options, ViewInfo info)
        : http_(http), options_(std::move(options)), info_(std::move(info)) {}

    [[nodiscard]] ViewInfo info() const override { return info_; }

    Status read(const ReadOptions& options, EventPage& page) const override {
        ReadOptions limited = options;
        limited.limit = std::min(options.limit, kPageEventsMax);
        ASSIGN_OR_RETURN(const std::string body, answer_of(http_, {.method = "POST",
                                                                   .target = "/api/v1/events/query",
                                                                   .body = query_json(options_, limited, false)}));
        ASSIGN_OR_RETURN(EventsAnswer answer, decode_events(body));
        page.hold(std::move(answer.events), std::move(answer.next_cursor), answer.has_more);
        return {};
    }

    Status read_entity(std::string_view entity_id, const EntityReadOptions& options, EventPage& page) const override {
        ReadOptions read{.order = options.order, .limit = options.limit};
        read.filter.entity_ids = {std::string(entity_id)};
        return this->read(read, page);
    }

    Status read_event(const Uuid& id, EventPage& page) const override {
        QueryText query;
        query.add_view(options_);
        ASSIGN_OR_RETURN(const std::string body,
                         answer_of(http_, {.target = "/api/v1/events/" + id.to_string() + query.text()}));
        ASSIGN_OR_RETURN(Event event, decode_event(body));
        page.hold({std::move(event)}, "", false);
        return {};
    }

    Result<State> state(std::string_view entity_id, const StateOptions& options) const override {
        QueryText query = entity_query(entity_id, options);
        query.add("do", "state");
        query.add("history", "0");
        if (options.with_origins) query.add("origins", "1");
        ASSIGN_OR_RETURN(HttpReply reply, http_.send({.target = "/api/v1/entity" + query.text()}));
        if (reply.status == 200) return decode_state(reply.body);
        if (reply.status != 404) return error_of(reply);
        // Nothing of it in this view is an answer, not an error.
        ASSIGN_OR_RETURN(State state, decode_state(reply.body));
        state.exists = false;
        state.entity_id = entity_id;
        return state;
    }

    Result<std::vector<HistoryEntry>> history(std::string_view entity_id, const StateOptions& options) const override {
        std::vector<HistoryEntry> entries;
        for (;;) {
            QueryText query = entity_query(entity_id, options);
            query.add("do", "history");
            if (!entries.empty()) query.add_number("after_version", entries.back().event.version.value);
            ASSIGN_OR_RETURN(const HttpReply reply, http_.send({.target = "/api/v1/entity" + query.text()}));
            if (reply.status == 404) return entries;
            if (reply.status != 200) return error_of(reply);
            ASSIGN_OR_RETURN(std::vector<HistoryEntry> more, decode_history(reply.body));
            ASSIGN_OR_RETURN(const EntitiesAnswer page, decode_entities(reply.body));
            entries.insert(entries.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
            if (!page.has_more || more.empty()) return entries;
        }
    }

    Result<Changes> changes(const EndpointView& before, const ChangesOptions& options) const override {
        QueryText query;
        query.add_view(options_);
        query.add_view(static_cast<const RemoteView&>(before).options_, "from_");
        add_changes(query, options);
        ASSIGN_OR_RETURN(const std::string body, answer_of(http_, {.target = "/api/v1/changes" + query.text()}));
        ASSIGN_OR_RETURN(Changes changes, decode_changes(body));
        // A view of the head is asked for by its position, of which the server thinks that it was named.
        changes.before = before.info();
        changes.after = info_;
        return changes;
    }

    Result<std::vector<std::string>> entities(std::string_view prefix, std::string_view after,
                                              std::uint32_t limit) const override {
        std::vector<std::string> ids;
        std::string behind(after);
        while (ids.size() < limit) {
            QueryText query;
            query.add_view(options_);
            query.add("order", "id");
            query.add_if("prefix", prefix);
            query.add_if("after_id", behind);
            query.add_number("limit", std::min<std::size_t>(limit - ids.size(), kPageEntitiesMax));
            ASSIGN_OR_RETURN(const std::string body, answer_of(http_, {.target = "/api/v1/entities" + query.text()}));
            ASSIGN_OR_RETURN(EntitiesAnswer answer, decode_entities(body));
            ids.insert(ids.end(), answer.ids.begin(), answer.ids.end());
            if (!answer.has_more || answer.ids.empty()) break;
            behind = ids.back();
        }
        return ids;
    }

    Result<Stats> stats() const override {
        QueryText query;
        query.add_view(options_);
        ASSIGN_OR_RETURN(const std::string body, answer_of(http_, {.target = "/api/v1/stats" + query.text()}));
        return decode_stats(body);
    }

    Result<std::uint64_t> count(const Filter& filter) const override {
        ReadOptions read{.limit = 1};
        read.filter = filter;
        ASSIGN_OR_RETURN(const std::string body, answer_of(http_, {.method = "POST",
                                                                   .target = "/api/v1/events/query",
                                                                   .body = query_json(options_, read, true)}));
        ASSIGN_OR_RETURN(const EventsAnswer answer, decode_events(body));
        return answer.total;
    }

    static void add_changes(QueryText& query, const ChangesOptions& options) {
        for (const std::string& entity : options.entity_ids) query.add("entity_id", entity);
        query.add_if("entity_id_prefix", options.entity_id_prefix);
        query.add_if("after", options.after);
        query.add_number("limit", std::min<std::uint32_t>(options.limit, 1'000));
        query.add("fold", options.fold == Fold::kShallow ? "shallow" : "merge");
    }

private:
    [[nodiscard]] QueryText entity_query(std::string_view entity_id, const StateOptions& options) const {
        QueryText query;
        query.add("id", entity_id);
        query.add_view(options_);
        query.add_fold(options);
        return query;
    }

    HttpClient& http_;
    ViewOptions options_;
    ViewInfo info_;
};

class RemoteEndpoint final : public Endpoint {
public:
    explicit RemoteEndpoint(std::unique_ptr<HttpClient> http) : http_(std::move(http)) {}

    Store* local() override { return nullptr; }
    [[nodiscard]] const std::string& name() const override { return http_->url(); }
    int take_status() override { return http_->take_status(); }

    Result<AppendResult> append(BatchBuilder&& batch, const AppendOptions& options) override {
        HttpRequest request{.method = "POST", .target = "/api/v1/events/batch", .body = batch_json(batch)};
        if (options.branch != "main") request.target += "?fork=" + percent_encoded(options.branch);
        if (options.idempotency_key) request.headers.push_back("Idempotency-Key: " + *options.idempotency_key);
        if (options.durability == Durability::kOs) request.headers.push_back("Prefer: durability=os");
        ASSIGN_OR_RETURN(const std::string body, answer_of(*http_, request));
        return decode_append(body);
    }

    /// Asks for the view once, and pins it: later questions are about the same events.
    Result<std::unique_ptr<EndpointView>> view(const ViewOptions& options) const override {
        ReadOptions nothing{.limit = 1};
        ASSIGN_OR_RETURN(const std::string body, answer_of(*http_, {.method = "POST",
                                                                    .target = "/api/v1/events/query",
                                                                    .body = query_json(options, nothing, false)}));
        ASSIGN_OR_RETURN(const EventsAnswer answer, decode_events(body));
        ViewOptions pinned = options;
        if (answer.view.at) pinned.at = answer.view.at;
        return std::unique_ptr<EndpointView>(std::make_unique<RemoteView>(*http_, std::move(pinned), answer.view));
    }

    Result<ForkInfo> create_fork(const ForkOptions& options) override {
        return fork_answer({.method = "POST", .target = "/api/v1/forks", .body = fork_json(options)});
    }
    Result<ForkInfo> fork(std::string_view id_or_name) const override {
        return fork_answer({.target = "/api/v1/forks/" + percent_encoded(id_or_name)});
    }
    Result<std::vector<ForkInfo>> forks(const ForkListOptions& options) const override {
        std::vector<ForkInfo> forks;
        ForksAnswer answer{.has_more = true};
        while (answer.has_more) {
            QueryText query;
            query.add_if("all", options.with_ended ? "true" : "");
            query.add_if("after", answer.next_after);
            ASSIGN_OR_RETURN(const std::string body, answer_of(*http_, {.target = "/api/v1/forks" + query.text()}));
            ASSIGN_OR_RETURN(answer, decode_forks(body));
            forks.insert(forks.end(), std::make_move_iterator(answer.forks.begin()),
                         std::make_move_iterator(answer.forks.end()));
        }
        return forks;
    }
    Result<ForkInfo> extend_fork(std::string_view id_or_name, std::int64_t ttl_ns) override {
        return fork_answer({.method = "POST",
                            .target = "/api/v1/forks/" + percent_encoded(id_or_name) + "/extend",
                            .body = "{\"ttl_seconds\":" + std::to_string(ttl_ns / 1'000'000'000) + "}"});
    }
    Result<ForkInfo> discard_fork(std::string_view id_or_name) override {
        return fork_answer({.method = "DELETE", .target = "/api/v1/forks/" + percent_encoded(id_or_name)});
    }
    Result<MergeResult> merge_fork(std::string_view id_or_name, const MergeOptions& options) override {
        ASSIGN_OR_RETURN(HttpReply reply,
                         http_->send({.method = "POST",
                                      .target = "/api/v1/forks/" + percent_encoded(id_or_name) + "/merge",
                                      .body = merge_json(options)}));
        // A refused merge is an answer with a report.
        const bool is_refused = reply.status == 409 && reply.body.find("merge-conflict") != std::string::npos;
        if (reply.status == 200 || is_refused) return decode_merge(reply.body);
        return error_of(reply);
    }
    Result<Changes> fork_changes(const ForkInfo& fork, const std::string& branch,
                                 const ChangesOptions& options) const override {
        QueryText query;
        query.add_if("against", branch);
        for (const std::string& entity : options.entity_ids) query.add("entity_id", entity);
        query.add_if("entity_id_prefix", options.entity_id_prefix);
        query.add_if("after", options.after);
        query.add_number("limit", std::min<std::uint32_t>(options.limit, 1'000));
        ASSIGN_OR_RETURN(
            const std::string body,
            answer_of(*http_, {.target = "/api/v1/forks/" + percent_encoded(fork.id) + "/diff" + query.text()}));
        return decode_changes(body);
    }
    Status close() override { return {}; }

private:
    Result<ForkInfo> fork_answer(const HttpRequest& request) const {
        ASSIGN_OR_RETURN(const std::string body, answer_of(*http_, request));
        return decode_fork(body);
    }

    std::unique_ptr<HttpClient> http_;
};

}  // namespace

void EventPage::hold(std::vector<Event> events, std::string next_cursor, bool has_more) {
    is_local_ = false;
    owned_ = std::move(events);
    next_cursor_ = std::move(next_cursor);
    has_more_ = has_more;
    events_.clear();
    tags_.clear();
    tags_.reserve(owned_.size());
    for (const Event& event : owned_) {
        tags_.push_back(encoded_tags(event.tags));
        events_.push_back({.id = event.id,
                           .position = event.position,
                           .version = event.version,
                           .recorded_at = event.recorded_at,
                           .occurred_at = event.occurred_at,
                           .event_type = event.event_type,
                           .entity_id = event.entity_id,
                           .payload = event.payload,
                           .metadata = event.metadata,
                           .encoded_tags = tags_.back(),
                           .tag_count = static_cast<std::uint16_t>(event.tags.size())});
    }
}

Result<std::unique_ptr<Endpoint>> connect(const ClientOptions& options) {
    ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http, HttpClient::open(options));
    return std::unique_ptr<Endpoint>(std::make_unique<RemoteEndpoint>(std::move(http)));
}

}  // namespace chronos::client
