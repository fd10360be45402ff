// Cases of the HTTP contract in text, tests/conformance/*.test: request and expected answer side by side, for any front
// end that speaks HTTP.
//
//     === a title
//     >>> POST /api/v1/events
//     Idempotency-Key: a
//
//     {"entity_id": "order:1", "event_type": "placed"}
//     <<< 200
//     ETag: "v1"
//
//     {"version": 1, "event_id": "<uuid>", "position": "<save:position>"}
//
// A request goes with the admin's key unless it has a header Authorization (empty: none); {{name}} stands for a saved
// value, or a key: {{admin}}, {{write}}, {{forks}}, {{read}}. A body that begins with @gzip, @zstd is compressed;
// "@zeros <count>" stands for a compressed run of zeros, "@repeat <count>" repeats the rest,
// "@cut <bytes>" leaves off the end.
//
// An expected object may leave members out; an array has all elements, unless its last is "<more>". Text stands for
// itself except "<any>", "<uuid>", "<timestamp>", "<number>", "<text>", "<absent>", "<contains: …>", "<save:name>".
// Expected headers are compared with the same placeholders. Behind "<<< 200 lines" each line of the answer is compared
// with one, behind "<<< 200 text" the answer has to contain each line.
//
// Threads: free functions.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "conformance/http_client.h"

namespace chronos::conformance {

struct HttpCase {
    std::string title;
    int line = 0;
    HttpRequest request;
    int status = 0;
    std::string form = "json";  ///< json, lines, text
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
};

/// Those of tests/conformance/<name>.test. Errors: one that stands in `problem`.
std::vector<HttpCase> read_cases(const std::string& name, std::string& problem);
/// Errors: one that stands in `problem`.
std::vector<HttpCase> parse_cases(const std::string& text, std::string& problem);

using Saved = std::map<std::string, std::string>;

/// With saved values and what the body's first line says.
HttpRequest filled_in(const HttpCase& one, const Saved& saved);
/// What differs; empty: nothing does. Saves what is to be saved.
std::string compare(const HttpCase& one, const HttpAnswer& answer, Saved& saved);

}  // namespace chronos::conformance
