// chronos backup and restore: a copy of a store that is in use, and a store of a copy.
#include <memory>

#include "app/commands.h"
#include "app/failure.h"
#include "app/options.h"
#include "app/progress.h"
#include "app/terminal.h"
#include "base/result.h"
#include "client/decode.h"
#include "client/http_client.h"
#include "json/writer.h"
#include "wire/backup_json.h"

namespace chronos::app {
namespace {

std::function<void(std::uint64_t, std::uint64_t)> progress_of(ProgressBar& bar) {
    return [&bar](std::uint64_t done, std::uint64_t total) {
        bar.set_total(total);
        bar.update({.done = done, .bytes = done});
    };
}

void write_report(Program& program, const BackupReport& report, const std::string& what) {
    if (program.common.json) return program.out.line(wire::backup_as_json(report));
    program.out.line(what + ": " + human_bytes(report.bytes) + " of log in " +
                     counted(report.segment_count, "segment") + ", " + human_bytes(report.copied_bytes) + " copied");
}

/// The server backs itself up, to the directory it was told at its start.
Result<int> ask_server(Program& program) {
    ASSIGN_OR_RETURN(const client::ClientOptions where, client_options(program));
    ASSIGN_OR_RETURN(const auto http, client::HttpClient::open(where));
    ASSIGN_OR_RETURN(const client::HttpReply reply, http->send({.method = "POST", .target = "/api/v1/backups"}));
    if (reply.status != 200) return client::error_of(reply);
    ASSIGN_OR_RETURN(const BackupReport report, client::decode_backup(reply.body));
    write_report(program, report, "backed up by " + program.common.url);
    return kExitOk;
}

Result<int> run_backup(Program& program, const std::string& target) {
    if (!program.common.url.empty()) {
        if (!target.empty())
            return base::fail(ErrorCode::kInvalidArgument,
                              "a server writes its backups where its own setting says (server.backup_directory); leave "
                              "out --to");
        return ask_server(program);
    }
    if (target.empty()) return base::fail(ErrorCode::kInvalidArgument, "--to is needed: the directory of the backup");
    ASSIGN_OR_RETURN(Store store, open_for_reading(program));
    ProgressBar bar(program, "backup");
    ASSIGN_OR_RETURN(const BackupReport report, store.backup(target, progress_of(bar)));
    bar.finish();
    write_report(program, report, "backed up to " + target);
    RETURN_IF_ERROR(store.close());
    return kExitOk;
}

Result<int> run_restore(Program& program, const std::string& from, bool verifies) {
    ProgressBar bar(program, "restore");
    Result<BackupReport> restored = restore(from, program.common.directory, progress_of(bar));
    if (!restored.ok() && restored.error().code == ErrorCode::kCorrupt)
        return base::with_context(std::move(restored).error(),
                                  "the backup " + from + " is damaged, and was not restored; take an earlier one");
    ASSIGN_OR_RETURN(const BackupReport report, std::move(restored));
    bar.finish();
    if (verifies) {
        ASSIGN_OR_RETURN(const VerifyReport verified, verify(program.common.directory, progress_of(bar)));
        bar.finish();
        if (!verified.intact)
            return base::fail(ErrorCode::kCorrupt,
                              program.common.directory + " was restored but is not intact; `chronos verify` says more");
        program.note(counted(verified.event_count, "event") + " verified");
    }
    write_report(program, report, "restored to " + program.common.directory);
    return kExitOk;
}

}  // namespace

void add_backup_command(CLI::App& parent, Program& program) {
    auto target = std::make_shared<std::string>();
    CLI::App* command = add_command(parent, program,
                                    {.name = "backup",
                                     .about = "Copy a store; again into the same directory copies only what is new",
                                     .example = "chronos backup --dir data --to /backups/data\n"
                                                "  chronos backup --url http://127.0.0.1:3900"});
    command->add_option("--to", *target, "A new directory, or one of an earlier backup")->type_name("DIR");
    on_chosen(command, program, [target](Program& p) { return run_backup(p, *target); });
}

void add_restore_command(CLI::App& parent, Program& program) {
    auto from = std::make_shared<std::string>();
    auto verifies = std::make_shared<bool>(false);
    CLI::App* command = add_command(parent, program,
                                    {.name = "restore",
                                     .about = "Make a store of a backup, in a directory that holds nothing",
                                     .example = "chronos restore --from /backups/data --dir restored --verify",
                                     .reach = Reach::kFiles});
    command->add_option("--from", *from, "The directory of the backup")->required()->type_name("DIR");
    command->add_flag("--verify", *verifies, "Then read everything once more");
    on_chosen(command, program, [from, verifies](Program& p) { return run_restore(p, *from, *verifies); });
}

}  // namespace chronos::app
