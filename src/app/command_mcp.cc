// chronos mcp: a store for an agent, over standard input and output.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "access/principal.h"
#include "app/commands.h"
#include "app/failure.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "base/result.h"
#include "client/http_client.h"
#include "mcp/json_rpc.h"
#include "mcp/stdio_server.h"
#include "server/version.h"

namespace chronos::app {
namespace {

/// The store, opened when it is first asked for: what an agent learns at first takes none. A server is asked by each
/// thread over a connection of its own.
class LazyEndpoint {
public:
    explicit LazyEndpoint(Program& program) : program_(program) {}

    Result<client::Endpoint*> get() {
        const std::lock_guard lock(mutex_);
        const bool is_remote = !program_.common.url.empty();
        std::unique_ptr<client::Endpoint>& endpoint =
            endpoints_[is_remote ? std::this_thread::get_id() : std::thread::id()];
        if (!endpoint) {
            ASSIGN_OR_RETURN(endpoint, open_endpoint(program_));
        }
        return endpoint.get();
    }
    Status close() {
        for (const auto& [thread, endpoint] : endpoints_) {
            if (endpoint) RETURN_IF_ERROR(endpoint->close());
        }
        return {};
    }

private:
    Program& program_;
    std::mutex mutex_;
    /// By the thread that asks; a directory's is under no thread's id. Guarded by mutex_.
    std::map<std::thread::id, std::unique_ptr<client::Endpoint>> endpoints_;
};

struct McpFlags {
    std::string scope = "read";
    bool with_conformance_fixtures = false;
};

/// What the key may do, as the server says it; nothing where it does not say.
std::optional<access::Scopes> scopes_of_key(const Program& program) {
    Result<client::ClientOptions> options = client_options(program);
    if (!options.ok()) return std::nullopt;
    // The agent waits for a first answer meanwhile.
    options->answer_timeout_ms = 2'000;
    const auto http = client::HttpClient::open(*options);
    if (!http.ok()) return std::nullopt;
    const Result<client::HttpReply> reply = (*http)->send({.target = "/api/v1/auth/me"});
    if (!reply.ok() || reply->status != 200) return std::nullopt;
    const mcp::Json self = mcp::Json::parse(reply->body, nullptr, false);
    if (!self.is_object() || !self.contains("scopes")) return std::nullopt;
    access::Scopes scopes;
    for (const mcp::Json& name : self["scopes"]) {
        const auto scope = name.is_string() ? access::parse_scope(name.get<std::string>()) : std::nullopt;
        if (scope) scopes.add(*scope);
    }
    return scopes;
}

/// What --scope leaves of what the key may do, so that no tool is listed that the server refuses. What is wrong with
/// the key is told whoever calls.
access::Scopes scopes_of(const Program& program, access::Scope wanted) {
    if (program.common.url.empty()) return {wanted};
    const std::optional<access::Scopes> of_key = scopes_of_key(program);
    if (!of_key) return {wanted};
    const access::Scopes asked{wanted};
    access::Scopes scopes;
    for (const access::Scope scope : {access::Scope::kRead, access::Scope::kWriteForks, access::Scope::kWrite}) {
        if (asked.allows(scope) && of_key->allows(scope)) scopes.add(scope);
    }
    return scopes;
}

Result<int> run_mcp(Program& program, const McpFlags& flags) {
    catch_interrupts();
    // Standard output is for messages alone.
    program.common.quiet = true;
    LazyEndpoint endpoint(program);
    mcp::Service service(
        {.version = std::string(server::kVersion), .with_conformance_fixtures = flags.with_conformance_fixtures},
        program.world);
    mcp::StdioServer server(service, {.principal = {.key_id = "",
                                                    .name = "stdio",
                                                    .tenant = "default",
                                                    .scopes = scopes_of(program, *access::parse_scope(flags.scope))},
                                      .endpoint = [&endpoint] { return endpoint.get(); },
                                      .write =
                                          [&program](std::string_view line) {
                                              program.out.line(line);
                                              (void)program.out.flush();
                                          }});
    ASSIGN_OR_RETURN(const std::unique_ptr<Input> input, Input::open("-"));
    LineReader lines(*input);
    while (interrupted_by() == 0 && !program.out.broken()) {
        const Result<std::optional<std::string_view>> line = lines.next();
        if (!line.ok() && line.error().code == ErrorCode::kLimitExceeded) {
            server.refuse_line(line.error().message);
            continue;
        }
        if (!line.ok() || !*line) break;
        server.take(**line);
    }
    server.finish();
    RETURN_IF_ERROR(endpoint.close());
    return kExitOk;
}

}  // namespace

void add_mcp_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<McpFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "mcp",
                                     .about = "Serve a store to an agent over standard input and output (MCP)",
                                     .example = "chronos mcp --dir data\n"
                                                "  chronos mcp --url http://127.0.0.1:3900 --api-key-file agent.key"});
    command
        ->add_option("--scope", flags->scope,
                     "What the agent may do: read (default, with --url too), write:forks, or write. A server's key may "
                     "allow less")
        ->check(one_of({"read", "write:forks", "write"}))
        ->type_name("SCOPE");
    command->add_flag("--conformance", flags->with_conformance_fixtures,
                      "Offer besides what the official tests of MCP call");
    on_chosen(command, program, [flags](Program& p) { return run_mcp(p, *flags); });
}

}  // namespace chronos::app
