// chronos top: what a server does, looked at again and again.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "app/commands.h"
#include "app/failure.h"
#include "app/interrupt.h"
#include "app/metrics_text.h"
#include "app/options.h"
#include "app/terminal.h"
#include "base/result.h"
#include "client/http_client.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::size_t kRoutesShown = 12;
constexpr std::size_t kConsumersShown = 12;

struct TopFlags {
    std::uint64_t interval_ms = 1'000;
    std::uint64_t count = 0;
};

struct Look {
    Metrics metrics;
    std::int64_t at_ns = 0;
};

Result<Look> look(Program& program, client::HttpClient& http) {
    ASSIGN_OR_RETURN(const client::HttpReply reply, http.send({.target = "/metrics"}));
    if (reply.status != 200) return client::error_of(reply);
    ASSIGN_OR_RETURN(Metrics metrics, Metrics::parse(reply.body));
    return Look{std::move(metrics), program.world.clock.monotonic_ns()};
}

struct RouteRate {
    std::string route;
    double requests_per_second = 0;
    double p50_s = 0, p99_s = 0;
};

/// What happened between two looks.
struct Activity {
    Activity(const Look& before, const Look& now)
        : now_(now.metrics),
          before_(before.metrics),
          seconds_(std::max(1e-3, static_cast<double>(now.at_ns - before.at_ns) / 1e9)),
          appends(now_.histogram("chronos_append_duration_seconds")
                      .since(before_.histogram("chronos_append_duration_seconds"))) {
        const auto earlier = before_.histograms("chronos_http_request_duration_seconds", "route");
        for (const auto& [route, histogram] : now_.histograms("chronos_http_request_duration_seconds", "route")) {
            const auto known = earlier.find(route);
            const Histogram fresh = known == earlier.end() ? histogram : histogram.since(known->second);
            if (fresh.count() == 0) continue;
            routes.push_back({route, fresh.count() / seconds_, fresh.quantile(0.5), fresh.quantile(0.99)});
        }
        std::sort(routes.begin(), routes.end(),
                  [](const RouteRate& a, const RouteRate& b) { return a.requests_per_second > b.requests_per_second; });
    }

    [[nodiscard]] double value(const std::string& name) const { return now_.value(name); }
    [[nodiscard]] std::uint64_t whole(const std::string& name) const {
        return static_cast<std::uint64_t>(std::max(0.0, now_.value(name)));
    }
    [[nodiscard]] double rate(const std::string& name) const {
        return std::max(0.0, now_.value(name) - before_.value(name)) / seconds_;
    }
    [[nodiscard]] double requests_per_second() const {
        double all = 0;
        for (const RouteRate& route : routes) all += route.requests_per_second;
        return all;
    }
    [[nodiscard]] std::map<std::string, double> lags() const {
        return now_.by_label("chronos_consumer_lag", "consumer");
    }

private:
    const Metrics& now_;
    const Metrics& before_;
    double seconds_;

public:
    const Histogram appends;
    std::vector<RouteRate> routes;  ///< The busiest first.
};

std::string rate_text(double per_second) {
    return with_separators(static_cast<std::uint64_t>(per_second + 0.5)) + "/s";
}

std::string seconds_text(double seconds) { return human_duration(static_cast<std::int64_t>(seconds * 1e9)); }

/// A dash where nothing was measured.
std::string bound_text(const Histogram& histogram, double fraction) {
    return histogram.count() == 0 ? "–" : "≤ " + seconds_text(histogram.quantile(fraction));
}

std::string right(const std::string& text, std::size_t width) {
    const std::size_t size = text_width(text);
    return std::string(size < width ? width - size : 0, ' ') + text;
}

void write_text(Program& program, const Activity& activity) {
    Output& out = program.out;
    const auto row = [&](std::string_view name, const std::string& text) {
        out.line(program.style().dim(padded(name, 10)) + text);
    };
    row("events", with_separators(activity.whole("chronos_events")) + "  +" +
                      rate_text(activity.rate("chronos_events")) + "  of " +
                      with_separators(activity.whole("chronos_entities")) + " entities");
    row("appends",
        rate_text(activity.appends.count() == 0 ? 0 : activity.rate("chronos_append_duration_seconds_count")) +
            "  p50 " + bound_text(activity.appends, 0.5) + "  p99 " + bound_text(activity.appends, 0.99) + "  in " +
            rate_text(activity.rate("chronos_commits_total")) + " commits");
    row("requests", rate_text(activity.requests_per_second()) + "  refused " +
                        rate_text(activity.rate("chronos_requests_refused_total")) + "  in " +
                        human_bytes(static_cast<std::uint64_t>(activity.rate("chronos_received_bytes_total"))) +
                        "/s  out " +
                        human_bytes(static_cast<std::uint64_t>(activity.rate("chronos_sent_bytes_total"))) + "/s");
    row("open", counted(activity.whole("chronos_open_connections"), "connection") + "  " +
                    counted(activity.whole("chronos_live_streams"), "live stream"));
    row("memory", human_bytes(activity.whole("chronos_memory_bytes")) + " of " +
                      human_bytes(activity.whole("chronos_memory_budget_bytes")) + "  waits " +
                      rate_text(activity.rate("chronos_memory_waits_total")) + "  block loads " +
                      rate_text(activity.rate("chronos_block_loads_total")));
    row("disk", human_bytes(activity.whole("chronos_log_bytes")) + " of log, " +
                    human_bytes(activity.whole("chronos_index_bytes")) + " of index");
    if (activity.whole("chronos_scrub_findings") > 0)
        row("damage", program.style().red(with_separators(activity.whole("chronos_scrub_findings")) +
                                          " findings; `chronos verify` says more"));
    if (!activity.routes.empty()) {
        out.line("");
        out.line(program.style().bold(padded("route", 44) + right("requests", 12) + right("p50 ≤", 12) +
                                      right("p99 ≤", 12)));
        for (std::size_t i = 0; i < std::min(activity.routes.size(), kRoutesShown); ++i) {
            const RouteRate& route = activity.routes[i];
            out.line(padded(route.route, 44) + right(rate_text(route.requests_per_second), 12) +
                     right(seconds_text(route.p50_s), 12) + right(seconds_text(route.p99_s), 12));
        }
    }
    const auto lags = activity.lags();
    if (!lags.empty()) {
        std::vector<std::pair<double, std::string>> worst;
        for (const auto& [consumer, lag] : lags) worst.emplace_back(lag, consumer);
        std::sort(worst.rbegin(), worst.rend());
        out.line("");
        out.line(program.style().bold(padded("consumer", 44) + right("behind", 12)));
        for (std::size_t i = 0; i < std::min(worst.size(), kConsumersShown); ++i)
            out.line(padded(worst[i].second, 44) +
                     right(with_separators(static_cast<std::uint64_t>(std::max(0.0, worst[i].first))), 12));
    }
}

void write_json(Program& program, const Activity& activity) {
    std::string routes = "[";
    for (const RouteRate& route : activity.routes) {
        if (routes.size() > 1) routes += ',';
        json::ObjectWriter(routes)
            .field("route", route.route)
            .field("requests_per_second", route.requests_per_second)
            .field("p50_us", route.p50_s * 1e6)
            .field("p99_us", route.p99_s * 1e6)
            .end();
    }
    std::string lags;
    json::ObjectWriter lag_writer(lags);
    for (const auto& [consumer, lag] : activity.lags()) lag_writer.field(consumer, lag);
    lag_writer.end();
    std::string out;
    json::ObjectWriter(out)
        .field("events", activity.whole("chronos_events"))
        .field("entities", activity.whole("chronos_entities"))
        .field("events_per_second", activity.rate("chronos_events"))
        .field("commits_per_second", activity.rate("chronos_commits_total"))
        .field("append_p50_us", activity.appends.quantile(0.5) * 1e6)
        .field("append_p99_us", activity.appends.quantile(0.99) * 1e6)
        .field("requests_per_second", activity.requests_per_second())
        .field("refused_per_second", activity.rate("chronos_requests_refused_total"))
        .field("connections", activity.whole("chronos_open_connections"))
        .field("live_streams", activity.whole("chronos_live_streams"))
        .field("memory_bytes", activity.whole("chronos_memory_bytes"))
        .field("memory_budget_bytes", activity.whole("chronos_memory_budget_bytes"))
        .field("log_bytes", activity.whole("chronos_log_bytes"))
        .field("scrub_findings", activity.whole("chronos_scrub_findings"))
        .raw_field("routes", routes + "]")
        .raw_field("consumer_lag", lags)
        .end();
    program.out.line(out);
}

Result<int> run_top(Program& program, const TopFlags& flags) {
    if (program.common.url.empty())
        return base::fail(ErrorCode::kInvalidArgument,
                          "top looks at a server: give --url. What a directory holds says `chronos stats`");
    ASSIGN_OR_RETURN(const client::ClientOptions where, client_options(program));
    ASSIGN_OR_RETURN(const auto http, client::HttpClient::open(where));
    catch_interrupts();
    const bool redraws = !program.common.json && is_terminal(Stream::kOutput);
    ASSIGN_OR_RETURN(Look before, look(program, *http));
    for (std::uint64_t i = 0; (flags.count == 0 || i < flags.count) && interrupted_by() == 0; ++i) {
        const std::int64_t until_ns = before.at_ns + static_cast<std::int64_t>(flags.interval_ms) * 1'000'000;
        while (interrupted_by() == 0 && program.world.clock.monotonic_ns() < until_ns)
            std::this_thread::sleep_for(std::chrono::milliseconds(std::min<std::uint64_t>(flags.interval_ms, 50)));
        if (interrupted_by() != 0) break;
        ASSIGN_OR_RETURN(Look now, look(program, *http));
        const Activity activity(before, now);
        if (redraws) program.out.write("\x1b[H\x1b[2J");
        if (!redraws && !program.common.json && i > 0) program.out.line("");
        if (program.common.json)
            write_json(program, activity);
        else
            write_text(program, activity);
        RETURN_IF_ERROR(program.out.flush());
        before = std::move(now);
    }
    // Whoever looks is done when they say so.
    return kExitOk;
}

}  // namespace

void add_top_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<TopFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "top",
                                     .about = "What a server does: rates, latencies, memory, how far consumers are "
                                              "behind",
                                     .example = "chronos top --url http://127.0.0.1:3900"});
    command->add_option("--interval-ms", flags->interval_ms, "Between two looks")
        ->check(whole_number(100, 3'600'000))
        ->capture_default_str();
    command->add_option("--count", flags->count, "End after so many; 0: when interrupted")->capture_default_str();
    on_chosen(command, program, [flags](Program& p) { return run_top(p, *flags); });
}

}  // namespace chronos::app
