// Backups as the library offers them.
#include "store/backup.h"

#include "base/result.h"
#include "embedded/engine.h"
#include "io/posix/posix_environment.h"

namespace chronos {
namespace {

BackupReport report_of(const store::BackupReport& report) {
    return {.database = report.database,
            .segment_count = report.segment_count,
            .copied_segment_count = report.copied_segment_count,
            .bytes = report.bytes,
            .copied_bytes = report.copied_bytes};
}

}  // namespace

Result<BackupReport> Store::backup(const std::string& target,
                                   const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    if (impl_ == nullptr) return base::fail(ErrorCode::kClosed, "the store is closed");
    store::Database& database = *impl_->engine->database;
    if (database.log().directory().empty())
        return base::fail(ErrorCode::kInvalidArgument, "a store in memory has no files to back up");
    ASSIGN_OR_RETURN(const store::BackupReport report,
                     store::backup(io::posix_environment(), database.log(), target, on_progress));
    return report_of(report);
}

Result<BackupReport> restore(const std::string& backup, const std::string& target,
                             const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    ASSIGN_OR_RETURN(const store::BackupReport report,
                     store::restore(io::posix_environment(), backup, target, on_progress));
    return report_of(report);
}

}  // namespace chronos
