// Log: rewritten segments take the place of old ones.
//
//     rewrite   000042-1.log is written beside 000042.log, synced, read back            a crash: the new file goes
//     replace   the manifest lists 000042-1.log                                         ◀ the moment that counts
//     retire    those who look events up find them in the new image from now on         a crash: the old file goes
//     remove    nobody can get at the old image, no page pins it: slot and file are the new ones
#include <algorithm>

#include "base/assert.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "wal/log.h"
#include "wal/log_segment.h"

namespace chronos::wal {

bool Log::can_rewrite(Slot slot) const {
    const std::lock_guard lock(segments_mutex_);
    if (options_.in_memory || slot >= segments_.size() || segments_[slot]->block_crcs.empty()) return false;
    const bool is_replaced = std::any_of(replacements_.begin(), replacements_.end(),
                                         [&](const Replacement& known) { return known.slot == slot; });
    return !is_replaced && segments_[slot]->image->is_evictable();
}

Result<std::optional<RewrittenSegment>> Log::rewrite(Slot slot, ChooseRemoval choose, std::uint64_t gain_min_bytes,
                                                     std::function<Status(std::uint64_t bytes)> yield) {
    ASSERT(can_rewrite(slot));
    const Segment& old = segment(slot);
    RewriteOrder order{.file = old.file.get(),
                       .crcs = old.block_crcs,
                       .epoch = epoch_,
                       .choose = std::move(choose),
                       .gain_min_bytes = gain_min_bytes,
                       .yield = std::move(yield)};
    {
        const std::lock_guard lock(manifest_mutex_);
        const auto listed = std::find_if(manifest_.segments.begin(), manifest_.segments.end(),
                                         [&](const SegmentEntry& entry) { return entry.number == old.entry.number; });
        ASSERT(listed != manifest_.segments.end());
        order.entry = *listed;
    }
    const bool is_settled = order.entry.state == SegmentState::kSealed &&
                            (order.entry.flags & SegmentEntry::kHasSha256) != 0 &&
                            order.entry.end_seq <= durable_upto_.load(std::memory_order_relaxed);
    if (!is_settled) return std::optional<RewrittenSegment>();
    // A number that was tried is not used again: it may be listed by a manifest whose writing failed.
    if (revisions_.size() <= slot) revisions_.resize(slot + std::size_t{1});
    order.revision = std::max(order.entry.revision, revisions_[slot]) + 1;
    ASSIGN_OR_RETURN(auto rewritten, rewrite_segment(env_, log_directory(), order));
    if (rewritten) revisions_[slot] = order.revision;
    return rewritten;
}

void Log::discard(RewrittenSegment& rewritten) {
    rewritten.file.reset();
    // If this fails, the next open removes it.
    (void)env_.files.remove_file(log_directory() + "/" +
                                 segment_file_name({rewritten.entry.number, rewritten.entry.revision}));
}

Result<std::vector<cache::FileImage*>> Log::replace(std::vector<Rewritten> rewritten) {
    if (base::is_planted(base::Bug::kRemoveOldSegmentBeforeManifest)) {
        for (const Rewritten& each : rewritten) {
            const SegmentEntry& old = segment(each.slot).entry;
            (void)env_.files.remove_file(log_directory() + "/" + segment_file_name({old.number, old.revision}));
            (void)env_.files.sync_directory(log_directory());
        }
    }
    {
        const std::lock_guard lock(manifest_mutex_);
        const std::vector<SegmentEntry> before = manifest_.segments;
        for (const Rewritten& each : rewritten)
            for (SegmentEntry& listed : manifest_.segments)
                if (listed.number == each.segment.entry.number) listed = each.segment.entry;
        if (Status saved = save_manifest(); !saved.ok()) {
            manifest_.segments = before;
            return std::move(saved).error();
        }
    }
    std::vector<cache::FileImage*> images;
    for (Rewritten& each : rewritten) {
        auto fresh = std::make_unique<Segment>();
        fresh->entry = each.segment.entry;
        fresh->has_records = true;
        fresh->last_epoch = segment(each.slot).last_epoch;
        fresh->size_on_disk = each.segment.size_on_disk;
        const std::string name = segment_file_name({fresh->entry.number, fresh->entry.revision});
        fresh->file = std::make_unique<cache::ColdFile>(cache_.open_files(), env_.files, log_directory() + "/" + name,
                                                        std::move(each.segment.file));
        fresh->block_crcs = std::move(each.segment.crcs);
        fresh->image = std::make_unique<cache::FileImage>(cache_, cache::ImageSource{.file = fresh->file.get(),
                                                                                     .name = "log/" + name,
                                                                                     .size = fresh->entry.end_offset,
                                                                                     .block_crcs = fresh->block_crcs});
        images.push_back(fresh->image.get());
        const std::lock_guard lock(segments_mutex_);
        replacements_.push_back({.slot = each.slot, .fresh = std::move(fresh), .is_unknown = nullptr});
    }
    return images;
}

void Log::retire(std::span<const Slot> slots, std::shared_ptr<const std::atomic<bool>> is_unknown) {
    const std::lock_guard lock(segments_mutex_);
    for (Replacement& replacement : replacements_)
        if (std::find(slots.begin(), slots.end(), replacement.slot) != slots.end()) replacement.is_unknown = is_unknown;
}

std::size_t Log::remove_retired() {
    std::vector<Replacement> ready;
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(segments_mutex_);
        const auto is_ready = [&](const Replacement& replacement) {
            // Once nobody finds the image, pins can only go.
            return replacement.is_unknown != nullptr && replacement.is_unknown->load(std::memory_order_acquire) &&
                   !segments_[replacement.slot]->image->is_pinned();
        };
        for (Replacement& replacement : replacements_)
            if (is_ready(replacement)) ready.push_back(std::move(replacement));
        std::erase_if(replacements_, [](const Replacement& replacement) { return replacement.fresh == nullptr; });
        waiting = replacements_.size();
    }
    for (Replacement& replacement : ready) take_place(replacement);
    if (!ready.empty()) (void)env_.files.sync_directory(log_directory());
    return waiting;
}

/// The slot is the fresh segment's; the old one is closed, and its file goes.
void Log::take_place(Replacement& replacement) {
    std::unique_ptr<Segment> old = std::move(replacement.fresh);
    {
        const std::lock_guard lock(segments_mutex_);
        std::swap(segments_[replacement.slot], old);
        const Segment& fresh = *segments_[replacement.slot];
        images_[replacement.slot].store(fresh.image.get(), std::memory_order_release);
        segments_by_slot_[replacement.slot].store(segments_[replacement.slot].get(), std::memory_order_release);
    }
    const Segment& fresh = *segments_by_slot_[replacement.slot].load(std::memory_order_relaxed);
    const auto size = old->file->size_on_disk();
    const std::uint64_t old_size = size.ok() ? *size : old->file_bytes();
    const std::string path = log_directory() + "/" + segment_file_name({old->entry.number, old->entry.revision});
    if (old->used_bytes() > fresh.used_bytes())
        given_back_bytes_.fetch_add(old->used_bytes() - fresh.used_bytes(), std::memory_order_relaxed);
    old.reset();
    // If this fails, the next open removes it.
    const Status removed = env_.files.remove_file(path);
    if (removed.ok() && old_size > fresh.size_on_disk)
        counters_.reclaimed_bytes.fetch_add(old_size - fresh.size_on_disk, std::memory_order_relaxed);
}

}  // namespace chronos::wal
