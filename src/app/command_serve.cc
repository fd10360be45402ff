// chronos serve: the store on the network, until a signal ends it.
#include <algorithm>
#include <csignal>
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/options.h"
#include "app/server_config.h"
#include "base/result.h"
#include "io/posix/open_file_limit.h"
#include "io/posix/posix_file_system.h"
#include "io/posix/service_manager.h"
#include "json/writer.h"
#include "mcp/http_transport.h"
#include "server/version.h"

namespace chronos::app {
namespace {

struct ServeFlags {
    std::string backup_directory, config, address, tls_certificate, tls_key, log_format, log_level;
    std::uint64_t port = 0;
    CLI::Option* port_option = nullptr;
    std::vector<std::string> hosts, origins;
    bool without_credentials = false, is_dev = false, accept_clock = false, log_requests = false;
    bool with_conformance_fixtures = false;

    void add_to(CLI::App* command);
    [[nodiscard]] Result<ServerConfig> resolve(const Program& program) const;
};

void ServeFlags::add_to(CLI::App* command) {
    command->add_option("--config", config, "Settings in TOML; options here come before them")
        ->envname("CHRONOS_CONFIG")
        ->type_name("FILE");
    command->add_option("--address", address, "Where to listen (default: 127.0.0.1, this machine alone)")
        ->envname("CHRONOS_ADDRESS")
        ->type_name("ADDRESS");
    port_option = command->add_option("--port", port, "Port (default: 3900); 0: any free one")
                      ->envname("CHRONOS_PORT")
                      ->check(whole_number(0, 65'535));
    command->add_option("--tls-cert", tls_certificate, "Certificate chain, PEM")
        ->envname("CHRONOS_TLS_CERT")
        ->type_name("FILE");
    command->add_option("--tls-key", tls_key, "Its private key, PEM")->envname("CHRONOS_TLS_KEY")->type_name("FILE");
    add_repeatable(command, "--host", hosts, "A name by which clients may address the server, besides localhost")
        ->type_name("NAME");
    add_repeatable(command, "--origin", origins, "A web origin whose pages may call, as https://app.example.com")
        ->type_name("ORIGIN");
    command->add_option("--backup-dir", backup_directory, "Where the server writes backups when it is asked for one")
        ->envname("CHRONOS_BACKUP_DIR")
        ->type_name("DIR");
    command->add_flag("--no-auth", without_credentials, "No API keys: whoever reaches the port may do everything");
    command->add_flag("--conformance", with_conformance_fixtures,
                      "For the official tests of MCP: their fixtures at /mcp, loopback only, no API keys");
    command->add_flag("--dev", is_dev, "For trying things out: loopback only, the directory is marked");
    add_accept_clock(command, accept_clock);
    command->add_option("--log-format", log_format, "text or json")->check(one_of({"text", "json"}));
    command->add_option("--log-level", log_level, "debug, info, warning or error")
        ->check(one_of({"debug", "info", "warning", "error"}));
    command->add_flag("--log-requests", log_requests, "Log each request");
}

Result<ServerConfig> ServeFlags::resolve(const Program& program) const {
    ServerConfig config_file;
    config_file.server.directory = program.common.directory;
    if (!config.empty()) {
        RETURN_IF_ERROR(read_server_config(config, config_file));
        if (program.common.directory_was_named) config_file.server.directory = program.common.directory;
    }
    server::ServerOptions& options = config_file.server;
    if (!backup_directory.empty()) options.backup_directory = backup_directory;
    if (!address.empty()) options.listen.address = address;
    if (port_option->count() > 0) options.listen.port = static_cast<std::uint16_t>(port);
    if (options.listen.address == kLoopbackName) options.listen.address = kLoopbackAddress;
    if (!tls_certificate.empty()) options.listen.tls_certificate_file = tls_certificate;
    if (!tls_key.empty()) options.listen.tls_key_file = tls_key;
    options.gate.hosts.insert(options.gate.hosts.end(), hosts.begin(), hosts.end());
    options.gate.origins.insert(options.gate.origins.end(), origins.begin(), origins.end());
    options.without_credentials = without_credentials || with_conformance_fixtures;
    options.is_dev = is_dev;
    options.store.accept_clock = accept_clock;
    if (program.common.memory_budget != 0) options.store.memory_budget = program.common.memory_budget;
    if (program.common.fork_limit != 0) options.store.fork_limit = program.common.fork_limit;
    if (!log_format.empty()) config_file.log.as_json = log_format == "json";
    if (log_level == "debug") config_file.log.level = server::LogLevel::kDebug;
    if (log_level == "info") config_file.log.level = server::LogLevel::kInfo;
    if (log_level == "warning") config_file.log.level = server::LogLevel::kWarning;
    if (log_level == "error") config_file.log.level = server::LogLevel::kError;
    if (log_requests) config_file.log.with_access = true;
    return config_file;
}

std::string url_of(const server::ServerOptions& options, std::uint16_t port) {
    const bool is_v6 = options.listen.address.find(':') != std::string::npos;
    return std::string(options.listen.tls_certificate_file.empty() ? "http://" : "https://") +
           (is_v6 ? "[" + options.listen.address + "]" : options.listen.address) + ":" + std::to_string(port);
}

/// Backups in the store's own directory, or around it, would be lost with it or be taken for parts of it.
Status check_backup_directory(const server::ServerOptions& options) {
    if (options.backup_directory.empty() || options.directory.empty()) return {};
    const Result<bool> overlap = io::PosixFileSystem::overlap(options.backup_directory, options.directory);
    if (!overlap.ok() || !*overlap) return {};
    return base::fail(ErrorCode::kInvalidArgument, "the backup directory " + options.backup_directory +
                                                       " is, holds or lies in the store's directory " +
                                                       options.directory + "; name one apart from it");
}

/// What a person needs to know now; programs get it as one line of JSON.
Status say_started(Program& program, const server::Server& server, const server::ServerOptions& options) {
    const std::string url = url_of(options, server.port());
    if (program.common.json) {
        std::string line;
        json::ObjectWriter writer(line);
        writer.field("url", url).field("directory", options.directory).field("version", server::kVersion);
        if (!server.new_admin_key().empty()) writer.field("admin_key", server.new_admin_key());
        writer.end();
        program.out.line(line);
    } else {
        program.out.line("chronos " + std::string(server::kVersion) + " serves " + options.directory + " at " + url);
        if (!server.new_admin_key().empty()) {
            program.out.line("admin key, shown this once and kept in " + server.admin_key_file() + ":");
            program.out.line("  " + server.new_admin_key());
        }
        if (options.without_credentials)
            program.out.line("WARNING: without credentials; everybody on this machine may read and write everything");
        if (options.is_dev) program.out.line("for trying things out (--dev); do not keep here what must not be lost");
        program.out.line("Ctrl-C ends it");
    }
    return program.out.flush();
}

/// Waits for SIGINT or SIGTERM; SIGHUP reads the certificate again.
int serve_until_signal(server::Server& server, const sigset_t& signals) {
    for (;;) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (signal != SIGHUP) return signal;
        io::notify_service_manager("RELOADING=1");
        if (Status reloaded = server.reload(); !reloaded.ok())
            server::log(server::LogLevel::kError, "reloading: " + reloaded.error().message);
        else
            server::log(server::LogLevel::kInfo, "the TLS certificate was read again; other settings take a restart");
        io::notify_service_manager("READY=1");
    }
}

/// Connections must not take the descriptors that the store needs for its files: a failed write stops its writer.
void leave_descriptors_to_the_store(server::HttpLimits& limits) {
    constexpr std::size_t kOfTheStore = 512;
    const std::size_t all = io::open_file_limit();
    const std::size_t left = std::max<std::size_t>(all / 2, all > kOfTheStore ? all - kOfTheStore : 0);
    if (limits.connections_max <= left) return;
    server::log(server::LogLevel::kWarning, "at most " + std::to_string(left) + " connections instead of " +
                                                std::to_string(limits.connections_max) + ": this process may have " +
                                                std::to_string(all) + " files open; raise the limit (ulimit -n)");
    limits.connections_max = left;
}

Result<int> run_serve(Program& program, const ServeFlags& flags) {
    ASSIGN_OR_RETURN(ServerConfig config, flags.resolve(program));
    server::set_up_log(config.log);
    RETURN_IF_ERROR(check_backup_directory(config.server));
    leave_descriptors_to_the_store(config.server.limits);
    // Before any thread is made, so that all of them leave these signals to this one.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    mcp::HttpTransport agents({.version = std::string(server::kVersion),
                               .threads = {.threads_max = 64, .queue_max = 512},
                               .with_conformance_fixtures = flags.with_conformance_fixtures},
                              program.world);
    ASSIGN_OR_RETURN(const std::unique_ptr<server::Server> server,
                     server::Server::start(config.server, program.world, &agents));
    RETURN_IF_ERROR(say_started(program, *server, config.server));
    io::notify_service_manager("READY=1");
    serve_until_signal(*server, signals);
    io::notify_service_manager("STOPPING=1");
    server::log(server::LogLevel::kInfo, "stopping: what is under way is finished first");
    // A second signal ends the process at once.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    RETURN_IF_ERROR(server->stop());
    return kExitOk;
}

Result<int> run_config_check(Program& program, const std::string& path) {
    ServerConfig config;
    RETURN_IF_ERROR(read_server_config(path, config));
    if (config.server.directory.empty()) config.server.directory = program.common.directory;
    for (Status checked : {check_backup_directory(config.server), server::Server::check(config.server)})
        if (!checked.ok()) return base::with_context(std::move(checked).error(), path);
    if (program.common.json)
        program.out.line(R"({"valid":true})");
    else
        program.out.line(path + " is fine");
    return kExitOk;
}

}  // namespace

void add_serve_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<ServeFlags>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "serve",
                                     .about = "Serve a store over HTTP",
                                     .example = "chronos serve --dir data\n"
                                                "  chronos serve --config chronos.toml --log-format json",
                                     .reach = Reach::kOwnFiles});
    flags->add_to(command);
    on_chosen(command, program, [flags](Program& p) { return run_serve(p, *flags); });
}

void add_config_commands(CLI::App& parent, Program& program) {
    CLI::App* config = parent.add_subcommand("config", "Look after the server's settings");
    config->require_subcommand(1);
    auto path = std::make_shared<std::string>();
    CLI::App* check = add_command(*config, program,
                                  {.name = "check",
                                   .about = "Whether a file of settings can be used; changes nothing",
                                   .example = "chronos config check chronos.toml",
                                   .reach = Reach::kOwnFiles});
    check->add_option("file", *path, "Settings in TOML")->required()->type_name("FILE");
    on_chosen(check, program, [path](Program& p) { return run_config_check(p, *path); });
}

}  // namespace chronos::app
