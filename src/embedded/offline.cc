// verify and salvage: for closed stores, without opening them for appends.
#include "store/offline.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "chronos/store.h"
#include "io/posix/posix_environment.h"
#include "projection/saved_states.h"
#include "store/database_folder.h"
#include "wal/manifest.h"

namespace chronos {
namespace {

Finding to_finding(const wal::Damage& damage) {
    Finding finding;
    finding.file = damage.file;
    finding.offset = damage.offset;
    if (damage.first_position) finding.first_position = Position{*damage.first_position};
    if (damage.end_position) finding.end_position = Position{*damage.end_position};
    finding.what = damage.what;
    return finding;
}

std::vector<Finding> to_findings(const std::vector<wal::Damage>& damages) {
    std::vector<Finding> findings;
    std::transform(damages.begin(), damages.end(), std::back_inserter(findings), to_finding);
    return findings;
}

/// What is wrong with saved states: store/ does not know of them.
Status verify_saved_states(const std::string& directory, std::vector<Finding>& findings) {
    io::Environment env = io::posix_environment();
    const auto lock = env.files.lock(directory + "/LOCK");
    if (!lock.ok() && lock.error().code == ErrorCode::kLocked) return {};  // Somebody opened the store meanwhile.
    ASSIGN_OR_RETURN(const std::string folder, store::find_database(env.files, directory));
    const auto manifest = wal::read_manifest(env.files, folder);
    if (!manifest.ok()) return {};  // That was found already; whose the states are cannot be said.
    const projection::SnapshotFile::Owner owner{.database = manifest->database, .store_epoch = manifest->store_epoch};
    for (const auto& [name, what] : projection::verify_snapshots(env.files, folder + "/snapshots", owner)) {
        Finding& finding = findings.emplace_back();
        finding.file = "snapshots/" + name;
        finding.what = what + " (nothing is lost: delete it)";
    }
    return {};
}

}  // namespace

Result<VerifyReport> verify(const std::string& directory,
                            std::function<void(std::uint64_t, std::uint64_t)> on_progress) {
    ASSIGN_OR_RETURN(const store::OfflineReport found, store::verify(io::posix_environment(), directory, on_progress));
    VerifyReport report;
    report.event_count = found.event_count;
    report.record_count = found.record_count;
    report.segment_count = found.segment_count;
    report.bytes = found.bytes;
    report.findings = to_findings(found.damages);
    RETURN_IF_ERROR(verify_saved_states(directory, report.findings));
    report.intact = report.findings.empty();
    return report;
}

Result<SalvageReport> salvage(const std::string& directory, const std::string& target) {
    ASSIGN_OR_RETURN(const store::OfflineReport found, store::salvage(io::posix_environment(), directory, target));
    SalvageReport report;
    report.recovered_events = found.event_count;
    report.lost_events = found.lost_event_count;
    report.fork_events = found.fork_event_count;
    report.losses = to_findings(found.damages);
    return report;
}

}  // namespace chronos
