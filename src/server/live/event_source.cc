#include "server/live/event_source.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "base/utf8.h"
#include "json/scan.h"
#include "json/validate.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

/// Of one page: what a stream holds in memory at a time.
constexpr std::size_t kPageBytes = std::size_t{32} << 10;
/// Events that match the filter and no pattern, passed over before the caller is asked again.
constexpr int kPagesPassedOver = 16;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

bool is_prefix(std::string_view pattern) { return pattern.ends_with(".*"); }

}  // namespace

Result<TypePatterns> TypePatterns::parse(std::vector<std::string> patterns) {
    for (const std::string& pattern : patterns) {
        const std::string_view name =
            is_prefix(pattern) ? std::string_view(pattern).substr(0, pattern.size() - 2) : std::string_view(pattern);
        if (name.empty() || name.find('*') != std::string_view::npos)
            return wrong("'" + base::shortened(pattern) + "' is no event type and no pattern like order.*");
    }
    TypePatterns parsed;
    parsed.texts_ = std::move(patterns);
    return parsed;
}

bool TypePatterns::matches(std::string_view event_type) const {
    return texts_.empty() || std::any_of(texts_.begin(), texts_.end(), [event_type](std::string_view pattern) {
               if (!is_prefix(pattern)) return event_type == pattern;
               return event_type.starts_with(pattern.substr(0, pattern.size() - 1));
           });
}

Result<StreamStart> take_after(wire::Parameters& parameters, std::string_view name) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, parameters.take(name));
    if (!text || *text == "start") return StreamStart{};
    if (*text == "head") return StreamStart{.is_head = true};
    wire::Parameters number;
    number.add(std::string(name), *text);
    Result<std::optional<Position>> after = wire::take_position(number, name);
    if (!after.ok()) return wrong(after.error().message + "; or head, or start");
    return StreamStart{.after = *after};
}

std::string without_empty_list(std::string_view json, std::string_view name) {
    if (!json::validate_json(json).ok() || !json::is_object(json)) return std::string(json);
    std::string out;
    json::ObjectWriter writer(out);
    json::ObjectScanner fields(json);
    while (fields.next()) {
        const std::string_view value = fields.value();
        const bool is_empty = value.starts_with('[') && json::trimmed(value.substr(1, value.size() - 2)).empty();
        std::string scratch;
        const std::string_view key = json::unescaped(fields.raw_key(), scratch);
        if (key != name || !is_empty) writer.raw_field(key, value);
    }
    writer.end();
    return out;
}

Result<SourceOptions> take_source(wire::Parameters& parameters, Timestamp now) {
    SourceOptions options;
    ASSIGN_OR_RETURN(options.branch, wire::take_branch(parameters));
    ASSIGN_OR_RETURN(options.filter, wire::take_filter(parameters, now));
    ASSIGN_OR_RETURN(options.patterns, TypePatterns::parse(parameters.take_all("event_type_filters")));
    return options;
}

Result<EventSource> EventSource::open(const Store& store, const SourceOptions& options, const StreamStart& place) {
    ASSIGN_OR_RETURN(Follower follower, store.follow({.branch = options.branch,
                                                      .filter = options.filter,
                                                      .after = place.after,
                                                      .from_head = place.is_head,
                                                      .page_bytes = kPageBytes}));
    ASSIGN_OR_RETURN(const int descriptor, follower.event_fd());
    return EventSource(std::move(follower), descriptor, options.patterns);
}

Status EventSource::next(std::uint32_t max, Page& page) {
    for (int i = 0; i < kPagesPassedOver; ++i) {
        RETURN_IF_ERROR(follower_.next(max, 0, page));
        if (page.events_.empty()) return {};
        std::erase_if(page.events_, [this](const EventView& event) { return !patterns_.matches(event.event_type); });
        if (!page.events_.empty()) return {};
    }
    return {};
}

std::string ending_problem(bool is_draining) {
    return is_draining ? problem(503, "draining", "the server stops; connect again in a moment").body
                       : problem(401, "unauthorized", "the API key was revoked or has expired").body;
}

}  // namespace chronos::server
