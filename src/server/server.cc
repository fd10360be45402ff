#include "server/server.h"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "access/api_key.h"
#include "base/result.h"
#include "server/key_ring.h"
#include "server/live/consumer_registry.h"
#include "server/log.h"
#include "server/route_groups.h"
#include "server/services.h"

namespace chronos::server {
namespace {

/// What the system database may take: it has few events.
constexpr std::uint64_t kSystemMemoryBytes = 32ULL << 20;

Error wrong(std::string message) { return base::fail(ErrorCode::kInvalidArgument, std::move(message)); }

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

Status check_safety(const ServerOptions& options) {
    const ListenOptions& listen = options.listen;
    if (options.is_dev && options.without_credentials)
        return wrong("--dev keeps API keys on, and prints one; give --dev or --no-auth");
    if (listen.tls_certificate_file.empty() != listen.tls_key_file.empty())
        return wrong("TLS takes both a certificate and a key: tls.certificate and tls.key");
    if (is_loopback(listen.address)) return {};
    const std::string where = "listening on " + listen.address + ", which other machines may reach, ";
    if (options.without_credentials) return wrong(where + "is refused without credentials; leave out --no-auth");
    if (options.is_dev) return wrong(where + "is refused with --dev; use 127.0.0.1");
    if (listen.tls_certificate_file.empty())
        return wrong(where + "takes TLS: give --tls-cert and --tls-key, or listen on 127.0.0.1");
    return {};
}

/// As a browser sends it: a scheme and a host, nothing behind.
Status check_origin(const std::string& origin) {
    const std::size_t scheme = origin.find("://");
    const bool is_web = origin.starts_with("http://") || origin.starts_with("https://");
    if (is_web && origin.size() > scheme + 3 && origin.find_first_of("/?# *", scheme + 3) == std::string::npos)
        return {};
    return wrong("'" + origin + "' is no origin of a page; write it as https://app.example.com, without a path");
}

Result<std::string> read_file(io::FileSystem& files, const std::string& path) {
    ASSIGN_OR_RETURN(const std::unique_ptr<io::File> file, files.open(path, io::OpenMode::kRead));
    std::string text(4'096, '\0');
    ASSIGN_OR_RETURN(const std::size_t size,
                     file->read_at(0, std::as_writable_bytes(std::span(text.data(), text.size()))));
    text.resize(size);
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

/// Readable by its owner alone, from its first moment.
Status write_secret(io::FileSystem& files, const std::string& directory, const std::string& name,
                    const std::string& text) {
    const std::string temporary = directory + "/" + name + ".tmp";
    ASSIGN_OR_RETURN(const bool is_left_over, files.exists(temporary));
    if (is_left_over) RETURN_IF_ERROR(files.remove_file(temporary));
    {
        ASSIGN_OR_RETURN(const std::unique_ptr<io::File> file, files.open(temporary, io::OpenMode::kCreatePrivate));
        const std::string line = text + "\n";
        RETURN_IF_ERROR(file->write_at(0, std::as_bytes(std::span(line.data(), line.size()))));
        RETURN_IF_ERROR(file->sync());
    }
    RETURN_IF_ERROR(files.rename(temporary, directory + "/" + name));
    return files.sync_directory(directory);
}

/// The secret under which keys are hashed; made, but not yet written, where there is none.
Result<ServerSecret> server_secret(const std::string& directory, io::Environment world) {
    ServerSecret secret;
    const std::string path = directory + "/server.key";
    ASSIGN_OR_RETURN(const bool is_there, world.files.exists(path));
    if (is_there) {
        ASSIGN_OR_RETURN(const std::string text, read_file(world.files, path));
        if (!access::parse_hex(text, secret.bytes).ok())
            return base::fail(ErrorCode::kCorrupt, path +
                                                       " is not a secret of 64 hexadecimal digits; restore it, or "
                                                       "remove it, which makes all API keys void and the next start "
                                                       "print a new admin key");
        return secret;
    }
    world.random.fill(secret.bytes);
    secret.is_new = true;
    return secret;
}

void warn_of_void_keys(const KeyRing& keys, const std::string& directory) {
    const std::size_t count = keys.void_count();
    if (count == 0) return;
    log(LogLevel::kWarning, std::to_string(count) + " API keys are void: they were made under another secret than " +
                                directory +
                                "/server.key; put the old file back and start again, or make new keys; admin keys of "
                                "before are kept as " +
                                directory + "/admin.key.<id>.void");
}

/// A directory that was made with --dev is used with it alone.
Status check_mode(const ServerOptions& options, io::FileSystem& files) {
    const std::string mark = options.directory + "/DEV";
    ASSIGN_OR_RETURN(const bool is_marked, files.exists(mark));
    if (is_marked && !options.is_dev)
        return wrong(options.directory +
                     " was made with --dev, for trying things out; use another directory, or --dev");
    if (!options.is_dev || is_marked) return {};
    ASSIGN_OR_RETURN(const bool is_used, files.exists(options.directory + "/server.key"));
    if (is_used) return wrong(options.directory + " is a directory of a server in earnest; --dev takes another one");
    return write_secret(files, options.directory, "DEV", "made with --dev");
}

}  // namespace

struct Server::Parts {
    ServerOptions options;
    io::Environment world;
    Extension* extension = nullptr;
    std::optional<Store> store;
    std::optional<Store> system;
    std::unique_ptr<KeyRing> keys;
    std::unique_ptr<ConsumerRegistry> consumers;
    std::unique_ptr<Services> services;
    Routes routes;
    std::optional<Gate> gate;
    std::unique_ptr<Listener> listener;
};

Status Server::check(const ServerOptions& options) {
    RETURN_IF_ERROR(check_safety(options));
    for (const std::string& origin : options.gate.origins) RETURN_IF_ERROR(check_origin(origin));
    return Listener::check(options.listen);
}

Result<std::unique_ptr<Server>> Server::start(const ServerOptions& options, io::Environment world,
                                              Extension* extension) {
    RETURN_IF_ERROR(check(options));
    std::unique_ptr<Server> server(new Server());
    server->parts_ = std::make_unique<Parts>(Parts{.options = options, .world = world, .extension = extension});
    Parts& parts = *server->parts_;
    OpenOptions open = options.store;
    open.directory = options.directory;
    ASSIGN_OR_RETURN(parts.store, Store::open(open));
    RETURN_IF_ERROR(check_mode(options, world.files));
    ASSIGN_OR_RETURN(parts.system, Store::open({.directory = options.directory + "/system",
                                                .accept_clock = options.store.accept_clock,
                                                .memory_budget = kSystemMemoryBytes}));
    ASSIGN_OR_RETURN(parts.consumers, ConsumerRegistry::open(*parts.system, world));
    if (options.without_credentials) {
        parts.keys = KeyRing::without_credentials(world);
    } else {
        ASSIGN_OR_RETURN(const ServerSecret secret, server_secret(options.directory, world));
        ASSIGN_OR_RETURN(parts.keys, KeyRing::open(*parts.system, world, secret));
        // Noted by then: a crash in between must not make it look like the one that old keys were made under.
        if (secret.is_new)
            RETURN_IF_ERROR(write_secret(world.files, options.directory, "server.key", access::hex_of(secret.bytes)));
        warn_of_void_keys(*parts.keys, options.directory);
    }
    parts.services = std::unique_ptr<Services>(new Services{.store = *parts.store,
                                                            .keys = *parts.keys,
                                                            .world = world,
                                                            .limits = options.limits,
                                                            .directory = options.directory,
                                                            .system = parts.system ? &*parts.system : nullptr,
                                                            .backup_directory = options.backup_directory,
                                                            .default_fold = options.default_fold,
                                                            .is_tls = !options.listen.tls_certificate_file.empty(),
                                                            .mode = options.is_dev ? "dev" : "production"});
    parts.services->routes = &parts.routes;
    parts.services->consumers = parts.consumers.get();
    add_event_routes(parts.routes, options.limits);
    add_query_routes(parts.routes, options.limits);
    add_entity_routes(parts.routes);
    add_fork_routes(parts.routes, options.limits);
    add_key_routes(parts.routes, options.limits);
    add_backup_routes(parts.routes);
    add_live_routes(parts.routes);
    add_consumer_routes(parts.routes, options.limits);
    add_service_routes(parts.routes, !is_loopback(options.listen.address));
    if (extension != nullptr) extension->add_routes(parts.routes);
    GateOptions gate = options.gate;
    gate.is_tls = parts.services->is_tls;
    parts.gate.emplace(parts.routes, *parts.services, std::move(gate));
    ASSIGN_OR_RETURN(parts.listener, Listener::start(options.listen, *parts.gate, *parts.services));
    // Last, so that a start which fails shows no key, and the one that succeeds does.
    if (!options.without_credentials) RETURN_IF_ERROR(server->make_first_key());
    return server;
}

/// Kept in its file before it is recorded: a crash in between leaves a file that the next start writes again, rather
/// than a key that nobody has.
Status Server::make_first_key() {
    Parts& parts = *parts_;
    if (parts.keys->has_admin()) return {};
    const auto keep = [&](const std::string& text) -> Status {
        const std::string file = admin_key_file();
        ASSIGN_OR_RETURN(const bool is_there, parts.world.files.exists(file));
        if (is_there) {
            // Of another secret, which may come back; or of a start that was cut off before this.
            ASSIGN_OR_RETURN(const std::string before, read_file(parts.world.files, file));
            const std::optional<std::string> id = parts.keys->recorded_id(before);
            if (id) RETURN_IF_ERROR(parts.world.files.rename(file, file + "." + *id + ".void"));
        }
        return write_secret(parts.world.files, parts.options.directory, "admin.key", text);
    };
    ASSIGN_OR_RETURN(
        const KeyRing::Made made,
        parts.keys->create({.name = "admin", .scopes = {access::Scope::kAdmin}, .creator = "first start"}, keep));
    new_admin_key_ = made.text;
    return {};
}

Server::~Server() { (void)stop(); }

std::uint16_t Server::port() const { return parts_->listener->port(); }

std::string Server::admin_key_file() const { return parts_->options.directory + "/admin.key"; }

Status Server::reload() { return parts_->listener->reload_certificate(); }

Status Server::stop() {
    if (!parts_) return {};
    // Its calls may take long and wait for nobody knows whom.
    if (parts_->extension != nullptr) parts_->extension->stop();
    if (parts_->listener) parts_->listener->stop();
    parts_->listener.reset();
    Status acknowledged = parts_->consumers ? parts_->consumers->close() : Status();
    Status closed = parts_->store ? parts_->store->close() : Status();
    Status system_closed = parts_->system ? parts_->system->close() : Status();
    parts_.reset();
    if (!closed.ok()) return closed;
    return acknowledged.ok() ? std::move(system_closed) : std::move(acknowledged);
}

}  // namespace chronos::server
