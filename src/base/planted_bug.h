// Bugs planted on purpose, to see that the tests find them: a test that no bug can break proves
// nothing.
//
// In a build with the option CHRONOS_PLANTED_BUGS (preset `planted`), the environment variable
// CHRONOS_PLANT=<name> makes the one bug of that name happen. In every other build `is_planted` is
// a constant, so nothing of a bug is left in the program. docs/reliability.md lists the bugs and
// what finds them; scripts/planted_bugs.sh sees to it that it does.
//
// Use:
//     if (!is_planted(Bug::kNoDirectorySync)) RETURN_IF_ERROR(files.sync_directory(directory));
//
// Threads: any.
#pragma once

#include <cstdint>

namespace chronos::base {

enum class Bug : std::uint8_t {
    kAcknowledgeBeforeSync,
    kSkipRecordChecksum,
    kNoDirectorySync,
    kRetryFailedSync,
    kAcceptStaleRecord,
    kAcceptTornTail,
    kKeepTailInPageCache,
    kEpochStays,
    kManifestNotSynced,
    kStaleHead,
    kAcceptDuplicateId,
    kConditionIgnoresTail,
    kSkipTagList,
    kShowUnpublished,
    kTimeGoesBack,
    kWrongIdAfterRestart,
    kSealWrongEnd,
    kPublishBeforeWrite,
    kDamageAsTornTail,
    kIgnoreChain,
    kLieAboutDurability,
    kIgnoreFailedWrite,
    kManifestNameNotSynced,
    kMarkerNotRewritten,
    kForgetLatest,
    kForgetBetweenSegments,
    kSkipBlockChecksum,
    kSealUnread,
    kPublishInsideGroup,
    kForkSeesLater,
    kLeakForkIds,
    kMergeSkipsCondition,
    kForkVersionFromOne,
    kMergeInParts,
    kMergeIgnoresTail,
    kSnapshotIgnoresAsOf,
    kBelieveAnySnapshot,
    kRemoveOldSegmentBeforeManifest,
    kReclaimLivingFork,
    kReclaimInherited,
    kReplaceUnderReaders,
    kBelieveStaleIndex,
};

#ifdef CHRONOS_PLANTED_BUGS
/// Whether the bug is to happen now. Says so once, so that a test that never comes by cannot pass
/// for one that finds it.
bool is_planted(Bug bug);
#else
constexpr bool is_planted(Bug) { return false; }
#endif

}  // namespace chronos::base
