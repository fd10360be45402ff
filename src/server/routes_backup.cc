// Backups, to the directory that the server was told at its start: no client says where a server writes.
#include <mutex>
#include <string>

#include "base/result.h"
#include "json/writer.h"
#include "server/http/problem.h"
#include "server/log.h"
#include "server/reading.h"
#include "server/route_groups.h"
#include "server/services.h"
#include "wire/backup_json.h"

namespace chronos::server {
namespace {

Result<Response> back_up(Call& call) {
    Services& services = call.services;
    if (services.backup_directory.empty())
        return problem(409, "backups-not-set-up",
                       "this server has no place for backups; start it with --backup-dir, or set "
                       "server.backup_directory");
    const std::unique_lock lock(services.backup_mutex, std::try_to_lock);
    if (!lock.owns_lock())
        return problem(409, "backup-under-way", "a backup is being made already; wait for it to end");
    const std::int64_t started = services.world.clock.monotonic_ns();
    ASSIGN_OR_RETURN(const BackupReport report, services.store.backup(services.backup_directory + "/store"));
    if (services.system != nullptr) {
        ASSIGN_OR_RETURN(const BackupReport system, services.system->backup(services.backup_directory + "/system"));
        (void)system;
    }
    log(LogLevel::kInfo, "backed up to " + services.backup_directory + ": " + std::to_string(report.copied_bytes) +
                             " bytes copied in " +
                             std::to_string((services.world.clock.monotonic_ns() - started) / 1'000'000) + " ms");
    Response response;
    response.body = wire::backup_as_json(report);
    response.add_header("Cache-Control", "no-store");
    return response;
}

}  // namespace

void add_backup_routes(Routes& routes) {
    routes.add({.method = "POST",
                .pattern = "/api/v1/backups",
                .action = "create",
                .resource = "backups",
                .scope = access::Scope::kAdmin,
                .summary = "Copy the store to the server's backup directory, only what is new since the last time",
                .parameters = std::vector<std::string_view>{},
                .answers = {{200, "Backup"}},
                .problems = {409, 507},
                .worker = [](Call& call) { return answered(back_up(call)); }});
}

}  // namespace chronos::server
