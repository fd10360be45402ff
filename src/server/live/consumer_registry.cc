#include "server/live/consumer_registry.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/writer.h"
#include "server/log.h"

namespace chronos::server {
namespace {

constexpr std::string_view kEntityPrefix = "consumer:";
constexpr std::size_t kNameBytesMax = 128;
constexpr std::size_t kConsumersMax = 1'000;
constexpr std::size_t kFilterBytesMax = std::size_t{16} << 10;
constexpr auto kWriteInterval = std::chrono::seconds(1);

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

std::string entity_of(const ConsumerInfo& info) { return std::string(kEntityPrefix) + info.tenant + "/" + info.name; }

Status check_name(std::string_view name) {
    const bool is_good =
        !name.empty() && name.size() <= kNameBytesMax && std::all_of(name.begin(), name.end(), [](unsigned char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
                   c == '.' || c == ':';
        });
    if (is_good) return {};
    return wrong("'" + base::shortened(name) +
                 "' is no name of a consumer: 1 to 128 letters, digits and - _ . : are possible");
}

void write_position(json::ObjectWriter& writer, std::string_view name, const std::optional<Position>& position) {
    if (position)
        writer.field(name, position->value);
    else
        writer.raw_field(name, "null");
}

std::string payload_of(const ConsumerInfo& info) {
    std::string payload;
    std::string patterns = "[";
    for (const std::string& pattern : info.source.patterns.texts()) {
        if (patterns.size() > 1) patterns += ',';
        json::append_string(patterns, pattern);
    }
    json::ObjectWriter writer(payload);
    writer.field("tenant", info.tenant)
        .field("name", info.name)
        .field("branch", info.source.branch)
        .raw_field("filters", info.filters)
        .field("created_at", info.created_at.to_string())
        .field("filters_at", info.filters_at.to_string());
    // An empty list would read as one that was meant to name something.
    if (patterns.size() > 1) writer.raw_field("event_type_filters", patterns + "]");
    write_position(writer, "position", info.position);
    writer.end();
    return payload;
}

Result<ConsumerInfo> parse_payload(std::string_view payload) {
    ConsumerInfo info;
    ASSIGN_OR_RETURN(wire::Parameters fields, wire::Parameters::from_json(payload));
    ASSIGN_OR_RETURN(info.tenant, fields.take_text("tenant"));
    ASSIGN_OR_RETURN(info.name, fields.take_text("name"));
    ASSIGN_OR_RETURN(const std::string branch, fields.take_text("branch"));
    ASSIGN_OR_RETURN(info.filters, fields.take_text("filters"));
    ASSIGN_OR_RETURN(const std::string created_at, fields.take_text("created_at"));
    ASSIGN_OR_RETURN(info.created_at, Timestamp::parse(created_at));
    ASSIGN_OR_RETURN(const std::string filters_at, fields.take_text("filters_at"));
    ASSIGN_OR_RETURN(info.filters_at, Timestamp::parse(filters_at.empty() ? created_at : filters_at));
    ASSIGN_OR_RETURN(const auto position, fields.take_number("position"));
    if (position) info.position = Position{*position};
    info.durable_position = info.position;
    ASSIGN_OR_RETURN(info.source, parse_consumer_source(branch, info.filters, fields.take_all("event_type_filters"),
                                                        info.filters_at));
    return info;
}

/// The same words are not the same filter where they count from when they were given.
bool are_same_times(const Filter& a, const Filter& b) {
    return a.since == b.since && a.until == b.until && a.occurred_since == b.occurred_since &&
           a.occurred_until == b.occurred_until;
}

bool is_same_source(const ConsumerInfo& a, const ConsumerInfo& b) {
    return a.source.branch == b.source.branch && a.source.patterns.texts() == b.source.patterns.texts() &&
           a.filters == b.filters && are_same_times(a.source.filter, b.source.filter);
}

Error no_such(const std::string& name) {
    return base::fail(ErrorCode::kNotFound,
                      "there is no consumer " + base::shortened(name) + "; make it with POST /api/v1/consumers");
}

}  // namespace

Result<SourceOptions> parse_consumer_source(const std::string& branch, const std::string& filters,
                                            std::vector<std::string> patterns, Timestamp given_at) {
    if (filters.size() > kFilterBytesMax)
        return base::fail(ErrorCode::kLimitExceeded, "filters of a consumer are at most 16 KiB");
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_json(filters));
    for (std::string& pattern : patterns) parameters.add("event_type_filters", std::move(pattern));
    ASSIGN_OR_RETURN(SourceOptions options, take_source(parameters, given_at));
    RETURN_IF_ERROR(parameters.check_all_taken());
    if (options.branch != "main") return wrong("the fork of a consumer stands beside its filters, not in them");
    options.branch = branch;
    return options;
}

Result<std::unique_ptr<ConsumerRegistry>> ConsumerRegistry::open(Store& system, io::Environment world) {
    std::unique_ptr<ConsumerRegistry> registry(new ConsumerRegistry(system, world));
    if (Status loaded = registry->load(); !loaded.ok())
        return base::with_context(std::move(loaded).error(), "consumers");
    registry->writer_ = std::thread([raw = registry.get()] { raw->write_now_and_then(); });
    return registry;
}

ConsumerRegistry::~ConsumerRegistry() {
    if (Status closed = close(); !closed.ok())
        log(LogLevel::kWarning, "acknowledged positions of consumers: " + closed.error().message);
}

Status ConsumerRegistry::load() {
    ASSIGN_OR_RETURN(const View view, system_.view());
    constexpr std::uint32_t kPage = 1'000;
    std::string after;
    Page page;
    for (;;) {
        ASSIGN_OR_RETURN(const std::vector<std::string> entities, view.entities(kEntityPrefix, after, kPage));
        for (const std::string& entity : entities) {
            RETURN_IF_ERROR(view.read_entity(entity, {.order = Order::kBackward, .limit = 1}, page));
            if (page.events().empty() || page.events().front().event_type == "consumer.deleted") continue;
            Result<ConsumerInfo> info = parse_payload(page.events().front().payload);
            if (!info.ok()) return base::with_context(std::move(info).error(), entity);
            const Key key(info->tenant, info->name);
            consumers_.emplace(key, std::move(*info));
        }
        if (entities.size() < kPage) return {};
        after = entities.back();
    }
}

Status ConsumerRegistry::append(const ConsumerInfo& consumer, std::string_view event_type) {
    ASSIGN_OR_RETURN(const AppendResult appended, system_.append({.entity_id = entity_of(consumer),
                                                                  .event_type = std::string(event_type),
                                                                  .payload = payload_of(consumer)}));
    (void)appended;
    return {};
}

Result<ConsumerInfo*> ConsumerRegistry::entry(const std::string& tenant, const std::string& name) {
    const auto found = consumers_.find(Key(tenant, name));
    if (found == consumers_.end()) return no_such(name);
    drop_old_lease(found->second);
    return &found->second;
}

void ConsumerRegistry::drop_old_lease(ConsumerInfo& info) const {
    if (info.lease && info.lease->until.ns <= world_.clock.wall_ns()) info.lease.reset();
}

Result<ConsumerRegistry::Made> ConsumerRegistry::create(ConsumerInfo consumer) {
    RETURN_IF_ERROR(check_name(consumer.name));
    const std::lock_guard change(change_mutex_);
    const Key key(consumer.tenant, consumer.name);
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = consumers_.find(key); found != consumers_.end()) return Made{.info = found->second};
        if (consumers_.size() >= kConsumersMax)
            return base::fail(ErrorCode::kLimitExceeded, "there are 1,000 consumers already; delete one");
    }
    RETURN_IF_ERROR(append(consumer, "consumer.created"));
    consumer.durable_position = consumer.position;
    const std::lock_guard lock(mutex_);
    consumers_.emplace(key, consumer);
    return Made{.info = std::move(consumer), .is_new = true};
}

Result<ConsumerInfo> ConsumerRegistry::find(const std::string& tenant, const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = consumers_.find(Key(tenant, name));
    if (found == consumers_.end()) return no_such(name);
    ConsumerInfo info = found->second;
    drop_old_lease(info);
    return info;
}

std::vector<ConsumerInfo> ConsumerRegistry::list(const std::string& tenant) const {
    const std::lock_guard lock(mutex_);
    std::vector<ConsumerInfo> list;
    for (const auto& [key, info] : consumers_) {
        if (key.first != tenant) continue;
        list.push_back(info);
        drop_old_lease(list.back());
    }
    return list;
}

Result<ConsumerRegistry::LeaseAnswer> ConsumerRegistry::set_filters(const ConsumerInfo& wanted,
                                                                    const std::string& owner) {
    const std::lock_guard change(change_mutex_);
    ASSIGN_OR_RETURN(ConsumerInfo info, find(wanted.tenant, wanted.name));
    if (info.source.branch != wanted.source.branch)
        return base::fail(ErrorCode::kAlreadyExists,
                          "there is a consumer " + info.name +
                              " of another fork; its place means nothing in this one: choose another name, or delete "
                              "it first");
    if (is_same_source(info, wanted)) return LeaseAnswer{.is_granted = true, .info = std::move(info)};
    if (info.lease && info.lease->owner != owner) return LeaseAnswer{.info = std::move(info)};
    info.filters = wanted.filters;
    info.source = wanted.source;
    info.filters_at = wanted.filters_at;
    RETURN_IF_ERROR(append(info, "consumer.changed"));
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(ConsumerInfo* const known, entry(wanted.tenant, wanted.name));
    known->filters = info.filters;
    known->source = info.source;
    known->filters_at = info.filters_at;
    known->durable_position = info.position;
    return LeaseAnswer{.is_granted = true, .info = *known};
}

Result<ConsumerRegistry::LeaseAnswer> ConsumerRegistry::take_lease(const std::string& tenant, const std::string& name,
                                                                   const std::string& owner, std::uint32_t seconds) {
    // Filters that were let through because nobody had the lease are written before somebody gets it.
    const std::lock_guard change(change_mutex_);
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(ConsumerInfo* const info, entry(tenant, name));
    if (info->lease && info->lease->owner != owner) return LeaseAnswer{.info = *info};
    info->lease.reset();
    if (seconds > 0)
        info->lease = Lease{.owner = owner, .until = {world_.clock.wall_ns() + std::int64_t{seconds} * 1'000'000'000}};
    return LeaseAnswer{.is_granted = true, .info = *info};
}

Result<ConsumerInfo> ConsumerRegistry::acknowledge(const std::string& tenant, const std::string& name,
                                                   Position position, bool is_durable) {
    {
        const std::lock_guard lock(mutex_);
        ASSIGN_OR_RETURN(ConsumerInfo* const info, entry(tenant, name));
        if (info->position < position) {
            info->position = position;
            wake_writer();
        }
        if (!is_durable) return *info;
    }
    const std::lock_guard change(change_mutex_);
    RETURN_IF_ERROR(write_acknowledged());
    return find(tenant, name);
}

void ConsumerRegistry::pass_over(const ConsumerInfo& seen, Position to) {
    const std::lock_guard lock(mutex_);
    const Result<ConsumerInfo*> info = entry(seen.tenant, seen.name);
    if (!info.ok() || (*info)->position != seen.position || (*info)->position >= to) return;
    if (!is_same_source(**info, seen)) return;
    (*info)->position = to;
    wake_writer();
}

Result<ConsumerRegistry::LeaseAnswer> ConsumerRegistry::reset(const std::string& tenant, const std::string& name,
                                                              std::optional<Position> position,
                                                              const std::optional<std::string>& owner) {
    const std::lock_guard change(change_mutex_);
    ASSIGN_OR_RETURN(ConsumerInfo info, find(tenant, name));
    if (owner && info.lease && info.lease->owner != owner) return LeaseAnswer{.info = std::move(info)};
    info.position = position;
    RETURN_IF_ERROR(append(info, "consumer.reset"));
    const std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(ConsumerInfo* const known, entry(tenant, name));
    known->position = known->durable_position = position;
    return LeaseAnswer{.is_granted = true, .info = *known};
}

Status ConsumerRegistry::remove(const std::string& tenant, const std::string& name) {
    const std::lock_guard change(change_mutex_);
    ASSIGN_OR_RETURN(const ConsumerInfo info, find(tenant, name));
    RETURN_IF_ERROR(append(info, "consumer.deleted"));
    const std::lock_guard lock(mutex_);
    consumers_.erase(Key(tenant, name));
    return {};
}

/// Requires: mutex_.
void ConsumerRegistry::wake_writer() {
    has_unwritten_ = true;
    woken_.notify_all();
}

Status ConsumerRegistry::write_acknowledged() {
    std::vector<ConsumerInfo> moved;
    {
        const std::lock_guard lock(mutex_);
        has_unwritten_ = false;
        for (const auto& [key, info] : consumers_) {
            if (info.position != info.durable_position) moved.push_back(info);
        }
    }
    if (moved.empty()) return {};
    BatchBuilder batch;
    for (const ConsumerInfo& info : moved) {
        const std::string entity = entity_of(info);
        const std::string payload = payload_of(info);
        batch.add({.entity_id = entity, .event_type = "consumer.acknowledged", .payload = payload});
    }
    Result<AppendResult> appended = system_.append(std::move(batch));
    const std::lock_guard lock(mutex_);
    if (!appended.ok()) {
        has_unwritten_ = true;
        return std::move(appended).error();
    }
    for (const ConsumerInfo& info : moved) {
        const auto found = consumers_.find(Key(info.tenant, info.name));
        if (found != consumers_.end()) found->second.durable_position = info.position;
    }
    return {};
}

void ConsumerRegistry::write_now_and_then() {
    std::unique_lock lock(mutex_);
    while (!is_closing_) {
        woken_.wait(lock, [this] { return has_unwritten_ || is_closing_; });
        if (is_closing_) return;
        lock.unlock();
        {
            const std::lock_guard change(change_mutex_);
            if (Status written = write_acknowledged(); !written.ok())
                log(LogLevel::kWarning, "acknowledged positions of consumers: " + written.error().message);
        }
        lock.lock();
        woken_.wait_for(lock, kWriteInterval, [this] { return is_closing_; });
    }
}

Status ConsumerRegistry::close() {
    {
        const std::lock_guard lock(mutex_);
        is_closing_ = true;
        woken_.notify_all();
    }
    if (!writer_.joinable()) return {};
    writer_.join();
    const std::lock_guard change(change_mutex_);
    return write_acknowledged();
}

}  // namespace chronos::server
