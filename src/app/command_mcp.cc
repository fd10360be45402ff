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
        std::unique_ptr<client::Endpoint>& endpoint = endpoints_[is_remote ? std::this_thread::get_id() : std::thread::id()];
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

Result<int> run_mcp(Program& program, access::Scope scope) {
    catch_interrupts();
    // Standard output is for messages alone.
    program.common.quiet = true;
    LazyEndpoint endpoint(program);
    mcp::Service service({.version = std::string(server::kVersion)}, program.world);
    mcp::StdioServer server(
        service, {.principal = {.key_id = "", .name = "stdio", .tenant = "default", .scopes = {scope}},
                  .endpoint = [&endpoint] { return endpoint.get(); },
                  .write = [&program](std::string_view line) {
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
    auto scope = std::make_shared<std::string>("read");
    CLI::App* command = add_command(parent, program,
                                    {.name = "mcp",
                                     .about = "Serve a store to an agent over standard input and output (MCP)",
                                     .example = "chronos mcp --dir data\n"
                                                "  chronos mcp --url http://127.0.0.1:3900 --api-key-file agent.key"});
    command
        ->add_option("--scope", *scope,
                     "What the agent may do: read (default), write:forks, or write. A server's key may allow less")
        ->check(CLI::IsMember({"read", "write:forks", "write"}))
        ->type_name("SCOPE");
    on_chosen(command, program, [scope](Program& p) { return run_mcp(p, *access::parse_scope(*scope)); });
}

}  // namespace chronos::app
