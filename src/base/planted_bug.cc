#include "base/planted_bug.h"

#ifdef CHRONOS_PLANTED_BUGS

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

namespace chronos::base {
namespace {

constexpr std::pair<std::string_view, Bug> kBugs[] = {
    {"acknowledge-before-sync", Bug::kAcknowledgeBeforeSync},
    {"skip-record-checksum", Bug::kSkipRecordChecksum},
    {"no-directory-sync", Bug::kNoDirectorySync},
    {"retry-failed-sync", Bug::kRetryFailedSync},
    {"accept-stale-record", Bug::kAcceptStaleRecord},
    {"accept-torn-tail", Bug::kAcceptTornTail},
    {"keep-tail-in-page-cache", Bug::kKeepTailInPageCache},
    {"epoch-stays", Bug::kEpochStays},
    {"manifest-not-synced", Bug::kManifestNotSynced},
    {"stale-head", Bug::kStaleHead},
    {"accept-duplicate-id", Bug::kAcceptDuplicateId},
    {"condition-ignores-tail", Bug::kConditionIgnoresTail},
    {"skip-tag-list", Bug::kSkipTagList},
    {"show-unpublished", Bug::kShowUnpublished},
    {"time-goes-back", Bug::kTimeGoesBack},
    {"wrong-id-after-restart", Bug::kWrongIdAfterRestart},
    {"seal-wrong-end", Bug::kSealWrongEnd},
    {"publish-before-write", Bug::kPublishBeforeWrite},
    {"damage-as-torn-tail", Bug::kDamageAsTornTail},
    {"ignore-chain", Bug::kIgnoreChain},
    {"lie-about-durability", Bug::kLieAboutDurability},
    {"ignore-failed-write", Bug::kIgnoreFailedWrite},
    {"manifest-name-not-synced", Bug::kManifestNameNotSynced},
    {"marker-not-rewritten", Bug::kMarkerNotRewritten},
    {"forget-latest", Bug::kForgetLatest},
    {"forget-between-segments", Bug::kForgetBetweenSegments},
    {"skip-block-checksum", Bug::kSkipBlockChecksum},
    {"seal-unread", Bug::kSealUnread},
    {"publish-inside-group", Bug::kPublishInsideGroup},
    {"fork-sees-later", Bug::kForkSeesLater},
    {"leak-fork-ids", Bug::kLeakForkIds},
    {"merge-skips-condition", Bug::kMergeSkipsCondition},
    {"fork-version-from-one", Bug::kForkVersionFromOne},
    {"merge-in-parts", Bug::kMergeInParts},
    {"merge-ignores-tail", Bug::kMergeIgnoresTail},
    {"snapshot-ignores-as-of", Bug::kSnapshotIgnoresAsOf},
    {"believe-any-snapshot", Bug::kBelieveAnySnapshot},
    {"remove-old-segment-before-manifest", Bug::kRemoveOldSegmentBeforeManifest},
    {"reclaim-living-fork", Bug::kReclaimLivingFork},
    {"reclaim-inherited", Bug::kReclaimInherited},
    {"replace-under-readers", Bug::kReplaceUnderReaders},
    {"believe-stale-index", Bug::kBelieveStaleIndex},
};

std::optional<Bug> bug_of_environment() {
    const char* const wanted = std::getenv("CHRONOS_PLANT");
    if (wanted == nullptr || *wanted == '\0') return std::nullopt;
    for (const auto& [name, bug] : kBugs)
        if (name == wanted) return bug;
    std::fprintf(stderr, "CHRONOS_PLANT=%s: there is no such bug\n", wanted);
    std::_Exit(2);
}

}  // namespace

bool is_planted(Bug bug) {
    static const std::optional<Bug> planted = bug_of_environment();
    if (planted != bug) return false;
    static std::atomic<bool> is_told = false;
    if (!is_told.exchange(true)) std::fprintf(stderr, "a planted bug happens\n");
    return true;
}

}  // namespace chronos::base

#endif
