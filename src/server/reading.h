// What all answers of reads have in common.
//
// Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/read.h"
#include "chronos/store.h"
#include "server/http/message.h"
#include "server/http/problem.h"

namespace chronos::server {

/// What an answer takes of an entity.
struct AtHand {
    std::uint32_t last_count = 1'000;  ///< So many of its last events are looked at, or all if it has fewer.
    std::uint64_t events_max = 1'000;  ///< It has no more than these.
};

/// Whether what is asked of this entity, on main and now, is a few look-ups: it has events, those that are looked at
/// are in memory, and together at most 256 KiB of payloads and metadata. Then an answer is sooner made than handed to
/// another thread.
bool is_at_hand(const Store& store, std::string_view entity_id, const AtHand& wanted);

/// The response, or its error as a problem.
Response answered(Result<Response> result);

/// How long the answer may be kept: one that can never change for an hour, by its reader alone; others not without
/// asking again. Of the first are those whose view is settled, but for streams, and for requests that mean something
/// else later: times that count from now, and names of forks, which other forks may have. Those that can never change,
/// and those of a fork by its name, get an ETag of the request, unless they have one, and are 304 if their reader has
/// it. Requires: the body is made.
void describe_view(Response& response, const Request& request, const ViewInfo& view);

/// Says where the next page is: the same request without these parameters, and with `more`. Times that counted from
/// `now` are said as what they were.
void add_next_link(Response& response, const Request& request, const std::vector<std::string_view>& without,
                   const std::string& more, Timestamp now);

/// An ETag of what the answer depends on besides the version: view, fold, branch.
std::string pinned_etag(const std::string& version, std::string_view depends_on);

/// Answers 304 instead if the request has this ETag already.
void set_etag(Response& response, const Request& request, const std::string& etag);

}  // namespace chronos::server
