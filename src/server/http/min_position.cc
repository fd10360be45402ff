#include "server/http/min_position.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>

#include "base/result.h"
#include "server/http/problem.h"
#include "server/http/work.h"
#include "server/services.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

constexpr std::int64_t kPatienceNs = 5'000'000'000;
constexpr auto kLookPeriod = std::chrono::milliseconds(10);
constexpr std::string_view kName = "min_position";

struct Wanted {
    std::string branch;
    std::uint64_t position = 0;
};

/// Whether it may be asked for: most requests do not, and are not to pay for it.
bool may_have_name(std::string_view text, char escape) {
    return text.find(kName) != std::string_view::npos || text.find(escape) != std::string_view::npos;
}

bool takes_it(const Route& route) {
    return route.parameters &&
           std::find(route.parameters->begin(), route.parameters->end(), kName) != route.parameters->end();
}

/// Nothing: it is not asked for.
Result<std::optional<Wanted>> wanted_by(const Route& route, const Request& request) {
    const bool may_be_in_query = may_have_name(request.query, '%');
    const bool may_be_in_body = request.method == "POST" && may_have_name(request.body, '\\');
    if ((!may_be_in_query && !may_be_in_body) || !takes_it(route)) return std::optional<Wanted>();
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(request.query));
    if (request.method == "POST") {
        Result<wire::Parameters> body = wire::Parameters::from_json(request.body);
        // What is wrong with it is for the read to say.
        if (!body.ok()) return std::optional<Wanted>();
        parameters.add_all(std::move(body).value());
    }
    if (!parameters.has(kName)) return std::optional<Wanted>();
    Wanted wanted;
    ASSIGN_OR_RETURN(const auto position, parameters.take_number(kName));
    wanted.position = position.value_or(0);
    ASSIGN_OR_RETURN(wanted.branch, wire::take_branch(parameters));
    return std::optional(std::move(wanted));
}

Response not_reached(const Wanted& wanted, std::uint64_t head) {
    const std::string has = head == 0 ? std::string("has no event") : "is at " + std::to_string(head - 1);
    return problem(
        503, "position-not-reached",
        "the branch has not reached position " + std::to_string(wanted.position) + "; it " + has + "; try again");
}

/// 0 where the branch has no event; nothing: there is no such branch, which the read itself will say.
std::optional<std::uint64_t> head_of(const Store& store, const std::string& branch) {
    const Result<View> view = store.view({.branch = branch});
    if (!view.ok()) return std::nullopt;
    const std::optional<Position> at = view->info().at;
    // Positions begin at 0, so an empty branch has reached none.
    return at ? at->value + 1 : 0;
}

}  // namespace

boost::asio::awaitable<std::optional<Response>> wait_for_position(const Route& route, const Store& store,
                                                                  Services& services, Request& request,
                                                                  boost::asio::any_io_executor executor) {
    const Result<std::optional<Wanted>> wanted = wanted_by(route, request);
    if (!wanted.ok()) co_return problem_of(wanted.error());
    if (!wanted->has_value()) co_return std::nullopt;
    request.query = wire::without_parameter(request.query, kName);
    io::Clock& clock = services.world.clock;
    const std::int64_t until_ns = clock.monotonic_ns() + kPatienceNs;
    for (;;) {
        const std::optional<std::uint64_t> head = head_of(store, (*wanted)->branch);
        if (!head || *head > (*wanted)->position) co_return std::nullopt;
        const bool is_draining = services.is_draining.load(std::memory_order_relaxed);
        if (is_draining || clock.monotonic_ns() >= until_ns) {
            Response response = is_draining ? problem(503, "draining", "the server stops; ask again in a moment")
                                            : not_reached(**wanted, *head);
            response.add_header("Retry-After", "1");
            co_return response;
        }
        boost::asio::steady_timer timer(executor, kLookPeriod);
        (void)co_await timer.async_wait(kAwait);
    }
}

}  // namespace chronos::server
