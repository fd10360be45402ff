#include "server/http/min_position.h"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>

#include "base/result.h"
#include "server/http/problem.h"
#include "server/http/work.h"
#include "wire/parameters.h"
#include "wire/read_request.h"

namespace chronos::server {
namespace {

constexpr std::int64_t kPatienceNs = 5'000'000'000;
constexpr auto kLookPeriod = std::chrono::milliseconds(10);
constexpr std::string_view kName = "min_position=";

struct Wanted {
    std::string branch;
    std::uint64_t position = 0;
};

Result<Wanted> take_wanted(std::string& query) {
    ASSIGN_OR_RETURN(wire::Parameters parameters, wire::Parameters::from_query(query));
    Wanted wanted;
    ASSIGN_OR_RETURN(const auto position, parameters.take_number("min_position"));
    wanted.position = position.value_or(0);
    ASSIGN_OR_RETURN(wanted.branch, wire::take_branch(parameters));
    query = wire::without_parameter(query, "min_position");
    return wanted;
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

boost::asio::awaitable<std::optional<Response>> wait_for_position(const Store& store, io::Clock& clock,
                                                                  std::string& query,
                                                                  boost::asio::any_io_executor executor) {
    if (!query.starts_with(kName) && query.find("&" + std::string(kName)) == std::string::npos) co_return std::nullopt;
    const Result<Wanted> wanted = take_wanted(query);
    if (!wanted.ok()) co_return problem_of(wanted.error());
    const std::int64_t until_ns = clock.monotonic_ns() + kPatienceNs;
    for (;;) {
        const std::optional<std::uint64_t> head = head_of(store, wanted->branch);
        if (!head || *head > wanted->position) co_return std::nullopt;
        if (clock.monotonic_ns() >= until_ns) {
            Response response = problem(
                503, "position-not-reached",
                "the branch has not reached position " + std::to_string(wanted->position) + "; it " +
                    (*head == 0 ? std::string("has no event") : "is at " + std::to_string(*head - 1)) + "; try again");
            response.add_header("Retry-After", "1");
            co_return response;
        }
        boost::asio::steady_timer timer(executor, kLookPeriod);
        (void)co_await timer.async_wait(kAwait);
    }
}

}  // namespace chronos::server
