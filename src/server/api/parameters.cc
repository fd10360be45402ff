#include "server/api/parameters.h"

#include <array>

namespace chronos::server {
namespace {

constexpr std::string_view kText = R"({"type":"string"})";
constexpr std::string_view kPosition = R"({"type":"integer","minimum":0})";
constexpr std::string_view kNumber = R"({"type":"integer","minimum":0})";
constexpr std::string_view kFlag = R"({"type":"boolean"})";
constexpr std::string_view kTime = R"({"type":"string","format":"date-time"})";
constexpr std::string_view kBranch = R"({"type":"string","maxLength":128,"examples":["main"]})";

constexpr auto kParameters = std::to_array<ApiParameter>({
    {"fork", "", kBranch, "The fork to read from or append to, by id or name; absent: main"},
    {"branch", "", kBranch, "The same as fork; main is a branch too"},
    {"at", "/forks", kPosition, "Position behind which the fork begins; absent: the parent's head"},
    {"known_at", "/forks", kTime, "The fork begins behind what was recorded by this time"},
    {"at", "", kPosition, "As of this position, inclusive"},
    {"known_at", "", kTime, "What was recorded by this time"},
    {"as_of", "", kTime, "What had happened by this time (occurred_at)"},
    {"time_travel", "", kTime, "The same as as_of"},
    {"event_type", "", kText, "One of these types", true},
    {"event_type_prefix", "", kText, "Types that start so"},
    {"entity_id", "", kText, "One of these entities", true},
    {"entity_id_prefix", "", kText, "Entities that start so"},
    {"tag", "", kText, "All of these tags", true},
    {"since", "", kTime, "Recorded at this time or later"},
    {"until", "", kTime, "Recorded at this time or earlier"},
    {"occurred_since", "", kTime, "Happened at this time or later"},
    {"occurred_until", "", kTime, "Happened at this time or earlier"},
    {"correlation_id", "", kText, "metadata.correlation_id"},
    {"causation_id", "", kText, "metadata.causation_id"},
    {"actor", "/merge", kText, "Whom the log names as the one who merged; absent: the key's name"},
    {"actor", "", kText, "metadata.actor"},
    {"where", "", R"({"type":"string","examples":["/total >= 100"]})",
     "A test of a field: JSON pointer, one of = != < <= > >= contains exists, and a value", true},
    {"payload_filter", "", R"({"type":"string","examples":["{\"status\":\"paid\"}"]})",
     "A JSON object; all its fields must be equal", true},
    {"items", "", R"({"type":"string","examples":["[{\"types\":[\"seat.taken\"],\"tags\":[\"flight:7\"]}]"]})",
     "A list of {types, tags} as JSON, as conditions of appends have it: types or, tags and, items or"},
    {"all", "/forks", kFlag, "Ended forks too"},
    {"all", "", kFlag, "All events, as {\"all\": true} of a condition"},
    {"order", "/query", R"({"enum":["asc","desc","forward","backward"]})", "Oldest or newest first; default asc"},
    {"order", "", R"({"enum":["newest","desc","id"]})", "By last event, newest first (default; also desc), or by id"},
    {"after", "/query", kPosition, "Behind this position, in the order asked for"},
    {"after", "/stream", kText, "Behind this position, head (from now on) or start"},
    {"after", "/sse", kText, "Behind this position, head (from now on) or start (default)"},
    {"after", "/changes", kText, "Entities behind this one: next_after of the page before"},
    {"after", "/forks", kText, "Forks behind this one: next_after of the page before"},
    {"after", "/diff", kText, "Entities behind this one: next_after of the page before"},
    {"after", "", kPosition, "Behind this position: next_after of the page before"},
    {"after_id", "", kText, "Entities behind this id; with order=id"},
    {"cursor", "", kText, "next_cursor of the page before; it knows its view and its place"},
    {"event_type_filters", "", kText, "One of these types, or order.* for all that begin with order.", true},
    {"name", "/consumers", R"({"type":"string","maxLength":128})", "Of the consumer: letters, digits, - _ . :"},
    {"consumer_id", "/consumers", R"({"type":"string","maxLength":128})", "The same as name"},
    {"consumer_id", "", kText, "WebSocket without subprotocol: replay what this consumer has not acknowledged"},
    {"filters", "", kText, "What concerns the consumer: a JSON object of filters as a query has them"},
    {"start", "", kText, "start (default), head, a position (exclusive), or the time from which events are wanted"},
    {"owner", "", R"({"type":"string","maxLength":128})", "Who processes the consumer; absent: the key"},
    {"lease_seconds", "", R"({"type":"integer","minimum":1,"maximum":3600})", "How long it is the owner's; default 30"},
    {"wait_seconds", "", R"({"type":"integer","minimum":0,"maximum":25})", "How long to wait for the first event"},
    {"position", "/ack", kPosition, "The last position that was processed"},
    {"position", "", kPosition, "The last position that is not wanted"},
    {"durable", "", kFlag, "Answer when it is on disk; default false: within about a second"},
    {"release", "", kFlag, "Give the lease back"},
    {"time", "", kTime, "Events recorded from this time on come next"},
    {"to", "", R"({"enum":["start","head"]})", "Where to begin again"},
    {"force", "", kFlag, "Although another owner has it"},
    {"limit", "/history", R"({"type":"integer","minimum":1,"maximum":10000})", "How many at most; default 1,000"},
    {"limit", "/query", R"({"type":"integer","minimum":1,"maximum":1000})",
     "How many at most; absent: as many as one answer holds, 10,000 or 8 MiB"},
    {"limit", "/entities", R"({"type":"integer","minimum":1,"maximum":1000})", "How many at most; default 1,000"},
    {"limit", "/streams", R"({"type":"integer","minimum":1,"maximum":1000})", "How many at most; default 1,000"},
    {"limit", "/forks", R"({"type":"integer","minimum":1,"maximum":1000})", "How many at most; default 1,000"},
    {"limit", "", R"({"type":"integer","minimum":1,"maximum":1000})", "How many at most; default 100"},
    {"offset", "", R"({"type":"integer","minimum":0,"maximum":100000})", "How many to pass over; a cursor is cheaper"},
    {"total", "", kFlag, "Whether to count all that match; default true"},
    {"fold", "", R"({"enum":["merge","merge-patch","merge_patch","shallow"]})",
     "How events add up: JSON merge patch (RFC 7396), or top-level fields replacing each other"},
    {"fold_order", "", R"({"enum":["stream","occurred"]})", "By version (default), or by occurred_at"},
    {"history", "", kFlag, "With the last 1,000 events, as far as they are 8 MiB; default true"},
    {"origins", "", kFlag, "Which event set each field; default false"},
    {"after_version", "", kNumber, "Behind the event of this version: next_after_version of the page before"},
    {"min_position", "", kPosition, "Wait, five seconds at most, until the branch has this position; else 503"},
    {"prefix", "", kText, "Entities that start so"},
    {"id", "", kText, "The entity"},
    {"do", "", R"({"enum":["state","snapshot","history","changes"]})", "What of it; default state"},
    {"from_fork", "", kBranch, "Compare with this branch"},
    {"from_at", "", kPosition, "Compare with the view at this position"},
    {"from_known_at", "", kTime, "Compare with what was recorded by this time"},
    {"from_as_of", "", kTime, "Compare with what had happened by this time"},
    {"against", "", kBranch, "Compare with the head of this branch; absent: with where the fork began"},
    {"mode", "", R"({"enum":["strict","import"]})", "import: exported events, whose ids and times are kept"},
    {"batch", "", R"({"type":"integer","minimum":1,"maximum":10000})", "Events in one batch; default 1,000"},
    {"parent", "", kBranch, "Branch to fork; default main"},
    {"name", "", R"({"type":"string","maxLength":128})", "Unique among live forks"},
    {"ttl_seconds", "", kNumber, "How long it lives from now; default a day, at most seven"},
    {"creator", "", kText, "Whom the log names; absent: the key's name"},
    {"dry_run", "", kFlag, "Say what would happen, and change nothing"},
    {"on_moved", "", R"({"enum":["refuse","append"]})",
     "append: also where the parent's entity has new events, if no condition stands in the way"},
    {"resolutions", "", R"({"type":"string"})", "{\"entity\": \"skip\" or \"force\", \"*\": for all others} as JSON"},
    {"tenant_id", "", R"({"const":"default"})", "Must be the caller's own; it may be left out"},
});

constexpr auto kHeaders = std::to_array<ApiParameter>({
    {"Idempotency-Key", "", R"({"type":"string","maxLength":256})",
     "A retry with the same key gives the first answer again"},
    {"If-Match", "", R"({"type":"string","examples":["\"v42\""]})",
     "The version that was seen, as ETag, or * if the entity must exist; else 412"},
    {"If-None-Match", "", R"({"type":"string"})",
     "Appending: * if the entity must not exist, else 412. Reading: the ETag that is known, else 304"},
    {"Prefer", "", R"({"type":"string","examples":["durability=os"]})",
     "durability=durable (default) or os: when to answer, not what is kept"},
    {"Content-Encoding", "", R"({"enum":["gzip","zstd","identity"]})", "How the body is compressed"},
    {"Last-Event-ID", "", R"({"type":"string"})", "Go on behind this position; comes before after"},
    {"MCP-Protocol-Version", "", R"({"type":"string","examples":["2026-07-28"]})", "The revision that the body names"},
    {"Mcp-Method", "", R"({"type":"string"})", "The method of the body; from revision 2026-07-28 on"},
    {"Mcp-Name", "", R"({"type":"string"})", "The tool, prompt or resource that the body names; from 2026-07-28 on"},
    {"Mcp-Session-Id", "", R"({"type":"string"})", "The session, as initialize answered; up to 2025-11-25"},
    {"Accept", "", R"({"type":"string","examples":["application/x-ndjson"]})",
     "application/x-ndjson: every event that matches, a line each"},
});

}  // namespace

const ApiParameter* find_parameter(std::string_view name, std::string_view path) {
    for (const ApiParameter& parameter : kParameters) {
        if (parameter.name == name && path.ends_with(parameter.path_end)) return &parameter;
    }
    return nullptr;
}

const ApiParameter* find_request_header(std::string_view name) {
    for (const ApiParameter& header : kHeaders) {
        if (header.name == name) return &header;
    }
    return nullptr;
}

std::vector<std::string_view> view_parameters(const std::vector<std::string_view>& more) {
    std::vector<std::string_view> names = {"fork", "branch", "at", "known_at", "as_of", "time_travel", "min_position"};
    names.insert(names.end(), more.begin(), more.end());
    return names;
}

std::vector<std::string_view> follow_parameters(const std::vector<std::string_view>& more) {
    std::vector<std::string_view> names = {"fork",
                                           "branch",
                                           "event_type",
                                           "event_type_prefix",
                                           "entity_id",
                                           "entity_id_prefix",
                                           "tag",
                                           "since",
                                           "until",
                                           "occurred_since",
                                           "occurred_until",
                                           "correlation_id",
                                           "causation_id",
                                           "actor",
                                           "where",
                                           "payload_filter",
                                           "items",
                                           "all",
                                           "event_type_filters"};
    names.insert(names.end(), more.begin(), more.end());
    return names;
}

std::vector<std::string_view> query_parameters() {
    return view_parameters({"event_type",
                            "event_type_prefix",
                            "entity_id",
                            "entity_id_prefix",
                            "tag",
                            "since",
                            "until",
                            "occurred_since",
                            "occurred_until",
                            "correlation_id",
                            "causation_id",
                            "actor",
                            "where",
                            "payload_filter",
                            "items",
                            "all",
                            "order",
                            "after",
                            "cursor",
                            "limit",
                            "offset",
                            "total"});
}

}  // namespace chronos::server
