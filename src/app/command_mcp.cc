// chronos mcp: a store for an agent, over standard input and output.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "access/principal.h"
#include "app/commands.h"
#include "app/failure.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "base/result.h"
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
                                                    .scopes = {*access::parse_scope(flags.scope)}},
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
                     "What the agent may do: read (default), write:forks, or write. A server's key may allow less")
        ->check(CLI::IsMember({"read", "write:forks", "write"}))
        ->type_name("SCOPE");
    command->add_flag("--conformance", flags->with_conformance_fixtures,
                      "Offer besides what the official tests of MCP call");
    on_chosen(command, program, [flags](Program& p) { return run_mcp(p, *flags); });
}

}  // namespace chronos::app
