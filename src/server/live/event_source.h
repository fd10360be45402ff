// What a live stream or a durable consumer reads from: a follower of one branch, with patterns of event types besides
// its filter. A reader that is slow is behind, nothing more: its place is a number, and what it has not read yet is
// read from the log when it asks.
//
// Threads: one at a time for each source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/store.h"
#include "wire/parameters.h"

namespace chronos::server {

/// "order.placed" means that type, "order.*" all that begin with "order."; any of them. No patterns: every type.
class TypePatterns {
public:
    /// Errors: kInvalidArgument — empty, or a '*' that is not the end of ".*".
    static Result<TypePatterns> parse(std::vector<std::string> patterns);

    [[nodiscard]] bool matches(std::string_view event_type) const;
    [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

private:
    std::vector<std::string> texts_;
};

/// Where to begin.
struct StreamStart {
    std::optional<Position> after;  ///< Exclusive; absent: the start.
    bool is_head = false;           ///< From now on.
};

/// `after`: a position, "head", "start"; absent: the start. Errors: kInvalidArgument.
Result<StreamStart> take_after(wire::Parameters& parameters, std::string_view name = "after");

/// The object without its member `name` where that is []: clients of AllSource send it for "all". Other text stays.
std::string without_empty_list(std::string_view json, std::string_view name);

/// What to read, without where to begin.
struct SourceOptions {
    std::string branch = "main";
    Filter filter;
    TypePatterns patterns;
};

/// fork, the filters of a query, event_type_filters. Errors: kInvalidArgument.
Result<SourceOptions> take_source(wire::Parameters& parameters, Timestamp now);

class EventSource {
public:
    /// Errors: kNotFound and kGone for the branch, kInvalidArgument.
    static Result<EventSource> open(const Store& store, const SourceOptions& options, const StreamStart& place);

    /// Up to `max` further events, without waiting; none: there are none now. Errors: kGone — the fork ended; kClosed.
    Status next(std::uint32_t max, Page& page);
    /// Readable when `next` has work; owned by the source.
    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// Of the last event given or passed over.
    [[nodiscard]] std::optional<Position> position() const { return follower_.position(); }

private:
    EventSource(Follower follower, int descriptor, TypePatterns patterns)
        : follower_(std::move(follower)), descriptor_(descriptor), patterns_(std::move(patterns)) {}

    Follower follower_;
    int descriptor_;
    TypePatterns patterns_;
};

/// Errors as a stream says them in its last words; "the server stops" among them.
std::string ending_problem(bool is_draining);

}  // namespace chronos::server
