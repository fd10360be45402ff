#include "app/demo_server.h"

#include <unistd.h>

#include <array>
#include <memory>

#include "app/failure.h"
#include "app/subprocess.h"
#include "app/terminal.h"
#include "base/result.h"
#include "client/http_client.h"
#include "json/pointer.h"
#include "json/scan.h"
#include "json/writer.h"

namespace chronos::app {
namespace {

constexpr std::int64_t kHourNs = 3'600LL * 1'000'000'000;
constexpr std::int64_t kAskedNs = 1'704'067'200LL * 1'000'000'000;  // 2024-01-01
constexpr int kQuestions = 1'000;

/// Empty when there is none.
std::string beside_this_program(const std::string& name) {
    std::array<char, 4'096> self{};
    const ssize_t size = ::readlink("/proc/self/exe", self.data(), self.size());
    if (size <= 0 || static_cast<std::size_t>(size) == self.size()) return {};
    std::string path(self.data(), static_cast<std::size_t>(size));
    path.replace(path.rfind('/') + 1, std::string::npos, name);
    return ::access(path.c_str(), X_OK) == 0 ? path : std::string();
}

/// The first line of what a program writes.
Result<std::string> first_line(Subprocess& process) {
    std::string line;
    std::array<char, 1'024> buffer{};
    while (line.find('\n') == std::string::npos) {
        ASSIGN_OR_RETURN(const std::size_t size, process.read(buffer));
        if (size == 0) {
            RETURN_IF_ERROR(process.finish());
            return base::fail(ErrorCode::kIo, "the server ended before it listened");
        }
        line.append(buffer.data(), size);
    }
    return line.substr(0, line.find('\n'));
}

Result<std::string> url_in(const std::string& line) {
    const auto url = json::find_value(line, {{.key = "url"}});
    if (!url || !url->starts_with('"')) return base::fail(ErrorCode::kIo, "the server does not say where it listens");
    std::string scratch;
    return std::string(json::unescaped(json::string_body(*url), scratch));
}

void show_command(Program& program, const std::string& command, const std::string& answer) {
    program.out.line("\n" + program.style().bold("$ " + command));
    program.out.line(answer);
    (void)program.out.flush();
}

/// One question again and again over one connection.
Status ask(Program& program, const std::string& url) {
    ASSIGN_OR_RETURN(const auto http, client::HttpClient::open({.url = url, .api_key = {}, .ca_file = {}}));
    const client::HttpRequest request{.target =
                                          std::string("/api/v1/entities/") + kDemoUser + "/state?as_of=" + kDemoTime};
    ASSIGN_OR_RETURN(const client::HttpReply reply, http->send(request));
    if (reply.status != 200) return client::error_of(reply);
    show_command(program, "curl " + url + request.target, fitted(reply.body, 160));
    const std::int64_t begin_ns = program.world.clock.monotonic_ns();
    for (int i = 0; i < kQuestions; ++i) {
        ASSIGN_OR_RETURN(const client::HttpReply again, http->send(request));
        if (again.status != 200) return client::error_of(again);
    }
    const std::int64_t each_ns = (program.world.clock.monotonic_ns() - begin_ns) / kQuestions;
    program.out.line("  " + with_separators(kQuestions) + " times over one connection: " +
                     program.style().green(human_duration(each_ns)) + " each, there and back");
    return program.out.flush();
}

/// The client of an agent, as in a terminal.
Status run_agent(Program& program, const std::string& url) {
    const std::string mcp_cli = beside_this_program("mcp-cli");
    if (mcp_cli.empty()) {
        program.out.line("  mcp-cli is not installed beside chronos; what agents do is left out");
        return {};
    }
    ASSIGN_OR_RETURN(const std::string state,
                     run_and_read({mcp_cli, "query", "--url", url, "--entity", kDemoUser, "--time-travel", kDemoTime}));
    show_command(program, std::string("mcp-cli query --entity ") + kDemoUser + " --time-travel \"" + kDemoTime + "\"",
                 state);
    ASSIGN_OR_RETURN(const std::string fork, run_and_read({mcp_cli, "create-fork", "--url", url, "--ttl", "3600"}));
    show_command(program, "mcp-cli create-fork --ttl 3600", fork);
    return program.out.flush();
}

}  // namespace

Status append_demo_user(Store& store) {
    constexpr std::uint64_t kLater = 53;
    ASSIGN_OR_RETURN(const View view, store.view());
    ASSIGN_OR_RETURN(const State known, view.state(kDemoUser));
    if (known.exists) return {};  // of an earlier demonstration in this directory
    BatchBuilder batch;
    for (std::uint64_t i = 0; i < kDemoUserEvents + kLater; ++i) {
        std::string payload;
        json::ObjectWriter writer(payload);
        writer.field("visits", i + 1);
        if (i == 0) writer.field("name", "Ada").field("plan", "free");
        if (i == kDemoUserEvents / 2) writer.field("plan", "pro");
        if (i == kDemoUserEvents + kLater - 1) writer.field("plan", "cancelled");
        writer.end();
        // Seven hours apart, the last of those in front ending the year.
        const std::int64_t hours = 7 * (static_cast<std::int64_t>(i) - static_cast<std::int64_t>(kDemoUserEvents));
        batch.add({.entity_id = kDemoUser,
                   .event_type = i == 0 ? "user.registered" : "user.visited",
                   .payload = payload,
                   .occurred_at = Timestamp{kAskedNs + (hours + 1) * kHourNs}});
    }
    ASSIGN_OR_RETURN(const AppendResult result, store.append(std::move(batch)));
    (void)result;
    return {};
}

Status demonstrate_server(Program& program, const std::string& directory) {
    const std::string chronos = beside_this_program("chronos");
    if (chronos.empty()) return {};
    program.out.line("\n" + program.style().bold("The same store behind a server, for loopback only"));
    (void)program.out.flush();
    ASSIGN_OR_RETURN(const auto server, Subprocess::start({chronos, "serve", "--dir", directory, "--port", "0",
                                                           "--no-auth", "--json", "--quiet"}));
    ASSIGN_OR_RETURN(const std::string line, first_line(*server));
    ASSIGN_OR_RETURN(const std::string url, url_in(line));
    RETURN_IF_ERROR(ask(program, url));
    return run_agent(program, url);
}

}  // namespace chronos::app
