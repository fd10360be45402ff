#include "store/reclaimer.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace chronos::store {
namespace {

/// Fresh files that are written before the old ones go, at once.
constexpr std::uint64_t kFreshBytesMax = std::uint64_t{1} << 30;

/// Where events are in their segment, or their stubs.
class Offsets {
public:
    explicit Offsets(const index::IndexFile& file) : file_(file) {}

    Result<std::uint32_t> at(std::uint64_t seq) {
        std::uint32_t offset = 0;
        std::uint32_t place = 0;
        RETURN_IF_ERROR(file_.locate({&seq, 1}, &offset, &place));
        return offset;
    }

private:
    const index::IndexFile& file_;
};

std::uint64_t bytes_at(std::uint32_t offset) { return std::uint64_t{offset & ~index::kRemovedMark} * 8; }
bool is_removed(std::uint32_t offset) { return (offset & index::kRemovedMark) != 0; }

/// Whole blocks in so many bytes.
std::uint64_t whole_blocks(std::uint64_t bytes) { return bytes / io::kBlockSize * io::kBlockSize; }

}  // namespace

bool Reclaimer::has_work() const {
    if (is_in_pass_ || !has_finished_pass_) return true;
    return finished_changes_ != branches_.removable_changes() || finished_end_seq_ != indexes_.parts()->files_end();
}

void Reclaimer::remove_retired() { waiting_files_.store(log_.remove_retired(), std::memory_order_relaxed); }

void Reclaimer::begin_pass(std::uint64_t published_seq) {
    pass_changes_ = branches_.removable_changes();
    pass_end_seq_ = indexes_.parts()->files_end();
    removable_ = branches_.removable(published_seq);
    at_seq_ = 0;
    pass_had_error_ = false;
    is_in_pass_ = true;
    pass_bytes_.store(0, std::memory_order_relaxed);
}

Result<bool> Reclaimer::step(std::uint64_t published_seq, const Limits& limits, const Yield& yield) {
    remove_retired();
    if (!has_work()) return false;
    if (!is_in_pass_) begin_pass(published_seq);
    bool has_changed = false;
    // Parts are held for a moment at a time: old files stay as long as somebody holds them.
    while (!removable_.empty() && !has_changed) {
        FilePart part;
        std::size_t index = 0;
        {
            const auto held = indexes_.parts();
            while (index < held->files.size() && held->files[index].file->end_seq() <= at_seq_) ++index;
            if (index == held->files.size()) break;
            part = held->files[index];
        }
        at_seq_ = part.file->end_seq();
        auto candidates = candidates_in(part, limits);
        if (!candidates.ok()) {
            note_error(candidates.error());  // The index file is damaged: the next open makes it again.
            continue;
        }
        if (!candidates->empty()) {
            auto reclaimed = reclaim_in(index, part, *candidates, yield);
            if (!reclaimed.ok()) {
                note_error(reclaimed.error());
                is_in_pass_ = false;
                return std::move(reclaimed).error();
            }
            has_changed = *reclaimed;
        }
        std::uint64_t bytes = 0;
        for (const index::IndexedSegment& segment : part.file->segments()) bytes += segment.end_offset;
        pass_bytes_.fetch_add(bytes, std::memory_order_relaxed);
        RETURN_IF_ERROR(yield(0));
    }
    remove_retired();
    if (has_changed) return true;
    is_in_pass_ = false;
    has_finished_pass_ = true;
    finished_changes_ = pass_changes_;
    finished_end_seq_ = pass_end_seq_;
    if (!pass_had_error_) {
        const std::lock_guard lock(error_mutex_);
        last_error_.clear();
    }
    return false;
}

/// Segments of an index file where it may be worth it: by where runs of removable events begin and end.
Result<std::vector<Reclaimer::Candidate>> Reclaimer::candidates_in(const FilePart& part, const Limits& limits) {
    const index::IndexFile& file = *part.file;
    Offsets offsets(file);
    std::vector<Candidate> candidates;
    auto run = file.runs().begin();
    for (std::size_t i = 0; i < file.segments().size(); ++i) {
        const index::IndexedSegment& segment = file.segments()[i];
        std::uint64_t gain = 0;
        std::uint64_t removable_events = 0;
        for (; run != file.runs().end() && run->first_seq < segment.end_seq; ++run) {
            const std::uint64_t run_end = std::min(run->first_seq + run->count, segment.end_seq);
            const auto removable_from = removable_.begin_seq(run->branch);
            const std::uint64_t begin = std::max({run->first_seq, segment.first_seq, removable_from.value_or(0)});
            if (removable_from && begin < run_end) {
                ASSIGN_OR_RETURN(const std::uint32_t from, offsets.at(begin));
                ASSIGN_OR_RETURN(const std::uint32_t last, offsets.at(run_end - 1));
                std::uint64_t to = segment.end_offset;
                if (segment.revision() == 0 && run_end < segment.end_seq) {
                    ASSIGN_OR_RETURN(const std::uint32_t next, offsets.at(run_end));
                    to = bytes_at(next);
                }
                if (!is_removed(from) || !is_removed(last)) {
                    removable_events += run_end - begin;
                    // Of a segment with holes only events can be counted.
                    if (segment.revision() == 0) gain += whole_blocks(to - std::min(to, bytes_at(from)));
                }
            }
            if (run->first_seq + run->count > segment.end_seq) break;  // It goes on in the next segment.
        }
        const std::uint64_t events = segment.end_seq - segment.first_seq;
        if (removable_events == 0 || !log_.can_rewrite(part.slots[i])) continue;
        if (segment.revision() > 0) gain = segment.end_offset * removable_events / events;
        const std::uint64_t gain_min =
            std::max(limits.gain_min_bytes, segment.end_offset * limits.gain_min_percent / 100);
        const auto in_vain = in_vain_.find(part.slots[i]);
        const bool was_in_vain = in_vain != in_vain_.end() && removable_events <= in_vain->second + in_vain->second / 8;
        if (gain >= gain_min && gain > 0 && !was_in_vain)
            candidates.push_back({.place = i, .gain_min_bytes = gain_min, .removable_events = removable_events});
    }
    return candidates;
}

Result<std::vector<wal::Log::Rewritten>> Reclaimer::rewrite(const FilePart& part,
                                                            const std::vector<Candidate>& candidates,
                                                            const Yield& yield) {
    const auto choose = [this](const wal::RecordPlace& record) -> std::optional<wal::RemovalReason> {
        const auto removable_from = removable_.begin_seq(record.branch);
        if (!removable_from || record.first_seq < *removable_from) return std::nullopt;
        return wal::RemovalReason::kForkEnded;
    };
    std::vector<wal::Log::Rewritten> rewritten;
    const auto discard_all = [&] {
        for (wal::Log::Rewritten& each : rewritten) log_.discard(each.segment);
    };
    std::uint64_t fresh_bytes = 0;
    for (const Candidate& candidate : candidates) {
        const wal::Slot slot = part.slots[candidate.place];
        auto segment = log_.rewrite(slot, choose, candidate.gain_min_bytes, yield);
        if (!segment.ok() && segment.error().code == ErrorCode::kCorrupt) {
            note_error(segment.error());
            in_vain_[slot] = candidate.removable_events;
            continue;
        }
        if (!segment.ok()) {
            discard_all();
            return std::move(segment).error();
        }
        if (!*segment) {
            in_vain_[slot] = candidate.removable_events;
            continue;
        }
        in_vain_.erase(slot);
        fresh_bytes += (*segment)->size_on_disk;
        rewritten.push_back({.slot = slot, .segment = std::move(**segment)});
        if (fresh_bytes > kFreshBytesMax) {
            at_seq_ = part.file->begin_seq();  // Its other segments are for the next step.
            break;
        }
    }
    return rewritten;
}

index::IndexEdit Reclaimer::edit_of(const FilePart& part, const std::vector<wal::Log::Rewritten>& rewritten) {
    index::IndexEdit edit;
    for (std::size_t i = 0; i < part.slots.size(); ++i) {
        index::IndexedSegment segment = part.file->segments()[i];
        segment.first_block_crc = static_cast<std::uint32_t>(edit.block_crcs.size());
        const auto fresh = std::find_if(rewritten.begin(), rewritten.end(),
                                        [&](const wal::Log::Rewritten& each) { return each.slot == part.slots[i]; });
        if (fresh == rewritten.end()) {
            const auto crcs = part.file->block_crcs(i);
            edit.block_crcs.insert(edit.block_crcs.end(), crcs.begin(), crcs.end());
            edit.segments.push_back(segment);
            continue;
        }
        const wal::RewrittenSegment& now = fresh->segment;
        segment.end_offset = {now.entry.end_offset, now.entry.revision};
        edit.segments.push_back(segment);
        edit.block_crcs.insert(edit.block_crcs.end(), now.crcs.begin(), now.crcs.end());
        for (std::size_t at = 0; at < now.stubs.size(); ++at)
            edit.removed.push_back({.first_seq = now.stubs[at].first_seq,
                                    .count = now.stubs[at].event_count,
                                    .branch = now.stubs[at].branch,
                                    .stub_offset = wal::stub_offset(now.entry.records_end(), at)});
    }
    return edit;
}

Result<bool> Reclaimer::reclaim_in(std::size_t index, const FilePart& part, const std::vector<Candidate>& candidates,
                                   const Yield& yield) {
    if (!indexes_.has_part_behind(index)) return false;
    ASSIGN_OR_RETURN(std::vector<wal::Log::Rewritten> rewritten, rewrite(part, candidates, yield));
    if (rewritten.empty()) return false;
    auto file = keeper_.rewrite_file(part, edit_of(part, rewritten), [&] { return yield(0); });
    if (!file.ok()) {
        for (wal::Log::Rewritten& each : rewritten) log_.discard(each.segment);
        if (file.error().code != ErrorCode::kCorrupt) return std::move(file).error();
        note_error(file.error());
        return false;
    }
    std::vector<wal::Slot> slots;
    std::uint64_t removed_events = 0;
    for (const wal::Log::Rewritten& each : rewritten) {
        slots.push_back(each.slot);
        removed_events += each.segment.removed_events;
    }
    // When this fails, either manifest may be on disk: the fresh files stay, as the next open may need them.
    ASSIGN_OR_RETURN(const std::vector<cache::FileImage*> images, log_.replace(std::move(rewritten)));
    for (std::size_t i = 0; i < slots.size(); ++i) {
        const auto at = std::find(file->slots.begin(), file->slots.end(), slots[i]);
        file->images[static_cast<std::size_t>(at - file->slots.begin())] = images[i];
    }
    log_.retire(slots, keeper_.replace_segments(index, std::move(file).value()));
    rewritten_.fetch_add(slots.size(), std::memory_order_relaxed);
    removed_events_.fetch_add(removed_events, std::memory_order_relaxed);
    return true;
}

std::uint64_t Reclaimer::removable_in_tail(wal::Slot tail_slot, std::uint64_t published_seq) const {
    const auto held = indexes_.parts();
    if (held->memory.empty() || held->memory.back()->slot() != tail_slot) return 0;
    const index::MemoryPart& tail = *held->memory.back();
    std::uint64_t bytes = 0;
    const RemovableForks removable = branches_.removable(published_seq);
    for (event::BranchNumber number = event::kSystemBranch + 1; number < removable.number_end(); ++number) {
        const auto removable_from = removable.begin_seq(number);
        const index::BranchRuns* runs = indexes_.runs(number);
        if (!removable_from || runs == nullptr) continue;
        for (std::uint64_t seq = std::max(*removable_from, tail.begin_seq()); seq < published_seq;) {
            const auto run = runs->first_in(seq, published_seq);
            if (run.empty()) break;
            const std::uint64_t end =
                run.end < published_seq ? tail.offset(run.end) : tail.offset(run.end - 1) + wal::kRecordAlignment;
            bytes += end - std::min(end, tail.offset(run.begin));
            seq = run.end;
        }
    }
    return bytes;
}

void Reclaimer::note_error(const Error& error) {
    if (error.code == ErrorCode::kClosed) return;
    pass_had_error_ = true;
    const std::lock_guard lock(error_mutex_);
    last_error_ = error.message;
}

std::string Reclaimer::last_error() const {
    const std::lock_guard lock(error_mutex_);
    return last_error_;
}

}  // namespace chronos::store
