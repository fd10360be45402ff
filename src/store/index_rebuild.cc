#include "store/index_rebuild.h"

#include <algorithm>

#include "base/assert.h"
#include "base/result.h"
#include "index/part_writer.h"
#include "store/sealed_content.h"
#include "wal/removals.h"

namespace chronos::store {
namespace {

using index::KeyKind;

/// What is known in front of a segment.
class Past {
public:
    Past(const IndexSet& indexes, std::span<const FilePart> files) : indexes_(indexes), files_(files) {}

    /// Enters streams of the body's events that have events in front of `begin_seq` and are not in `fresh` yet.
    Status begin_streams(const event::BodyView& body, std::span<const std::uint64_t> hashes, std::uint64_t begin_seq,
                         std::span<const FilePart> rebuilt, IndexSet& fresh) const {
        const event::BranchNumber branch = body.header().branch;
        Status status;
        std::size_t i = 0;
        body.for_each_event([&](const event::EventBytes& event) {
            const std::uint64_t hash = hashes[i++];
            if (!status.ok() || event.has(event::kNoEntity)) return;
            if (fresh.streams().find(hash, branch, event.entity()) != nullptr) return;
            status = begin_stream(hash, branch, event.entity(), begin_seq, rebuilt, fresh);
        });
        return status;
    }

private:
    Status begin_stream(std::uint64_t hash, event::BranchNumber branch, std::string_view key, std::uint64_t begin_seq,
                        std::span<const FilePart> rebuilt, IndexSet& fresh) const {
        const index::StreamHead* head = indexes_.streams().find(hash, branch, key);
        if (head == nullptr) return base::fail(ErrorCode::kCorrupt, "the log has a stream that no index knows");
        if (head->first_seq() >= begin_seq) return {};
        for (const std::span<const FilePart> files : {rebuilt, files_}) {
            for (auto part = files.rbegin(); part != files.rend(); ++part) {
                ASSIGN_OR_RETURN(const auto list, part->file->find(KeyKind::kEntity, hash, branch, key));
                if (!list) continue;
                fresh.begin_stream(hash, branch, key, head->first_seq(), list->last_seq + 1,
                                   list->first_place + list->count);
                return {};
            }
        }
        // Of a fork that ended older events may be gone (docs/decisions/0009); nobody reads what is left of it.
        if (branch > event::kSystemBranch) return {};
        return base::fail(ErrorCode::kCorrupt, "no index file knows the older events of a stream");
    }

    const IndexSet& indexes_;
    std::span<const FilePart> files_;
};

/// Loads a segment, and keeps it in memory as long as it lives.
class LoadedSegment {
public:
    LoadedSegment(wal::Log& log, wal::Slot slot) : pin_(log.image(slot)), image_(log.image(slot)) {}
    Status load(std::uint64_t end_offset) { return image_.is_whole() ? Status() : image_.load(0, end_offset); }
    [[nodiscard]] const std::byte* data() const { return image_.data(); }

private:
    cache::ImagePin pin_;
    cache::FileImage& image_;
};

class Rebuild {
public:
    Rebuild(const RebuildPlace& place, wal::Log& log, const IndexSet& indexes, const IndexParts& parts,
            std::size_t damaged)
        : place_(place),
          log_(log),
          past_(indexes, std::span(parts.files).first(damaged)),
          old_(parts.files[damaged]),
          before_(damaged == 0 ? nullptr : &parts.files[damaged - 1].file->segments().back()) {}

    Result<std::vector<FilePart>> run() {
        std::vector<wal::SealedSegment> segments;  // those without events, in front of one with events
        std::vector<wal::Slot> slots;
        for (const wal::Slot slot : old_.slots) {
            const auto segment = log_.sealed(slot);
            ASSERT(segment);
            segments.push_back(*segment);
            slots.push_back(slot);
            if (segment->first_seq == segment->end_seq) continue;
            RETURN_IF_ERROR(rebuild(segments, slots));
            segments.clear();
            slots.clear();
            RETURN_IF_ERROR(place_.yield());
        }
        ASSERT(segments.empty());  // A file ends with the segment it was written for.
        return std::move(rebuilt_);
    }

private:
    Status rebuild(const std::vector<wal::SealedSegment>& segments, const std::vector<wal::Slot>& slots) {
        const wal::SealedSegment& segment = segments.back();
        LoadedSegment loaded(log_, slots.back());
        RETURN_IF_ERROR(loaded.load(segment.end_offset));
        IndexSet fresh(log_.secret());
        std::uint64_t next_seq = segment.first_seq;
        std::vector<std::uint64_t> hashes;
        const auto index = [&](const wal::RecoveredBatch& batch) -> Status {
            if (batch.stub != nullptr) {
                if (batch.first_seq != next_seq) return base::fail(ErrorCode::kCorrupt, "the log has a gap");
                fresh.apply_removed(batch.slot, batch.body_offset, batch.stub);
                next_seq = base::load<wal::RemovedRecord>(batch.stub).end_seq();
                return {};
            }
            const event::BodyView body(batch.body);
            if (batch.first_seq != next_seq || body.header().branch > event::kBranchMax)
                return base::fail(ErrorCode::kCorrupt, "the log has a gap");
            fresh.hash_entities(body, hashes);
            RETURN_IF_ERROR(past_.begin_streams(body, hashes, segment.first_seq, rebuilt_, fresh));
            fresh.apply(batch.slot, batch.body_offset, batch.body, batch.first_seq, hashes, nullptr);
            next_seq += body.header().event_count;
            return {};
        };
        RETURN_IF_ERROR(log_.for_each_batch(slots.back(), index));
        if (next_seq != segment.end_seq) return base::fail(ErrorCode::kCorrupt, "the log has a gap");
        fresh.catch_up(segment.end_seq);
        return write(*fresh.parts()->memory.front(), fresh.streams(), segments, slots);
    }

    Status write(const index::MemoryPart& part, const index::StreamHeads& streams,
                 const std::vector<wal::SealedSegment>& segments, const std::vector<wal::Slot>& slots) {
        const index::IndexResident resident =
            resident_of(part, segments, before_ == nullptr ? 0 : before_->main_end_position,
                        before_ == nullptr ? 0 : before_->last_recorded_at);
        ASSIGN_OR_RETURN(const std::string path, index::write_part_file(place_.files, place_.directory, place_.database,
                                                                        part, streams, resident));
        ASSIGN_OR_RETURN(auto file, place_.open(path));
        rebuilt_.push_back({.file = std::move(file), .slots = slots});
        before_ = &rebuilt_.back().file->segments().back();  // The file stays where it is.
        return {};
    }

    const RebuildPlace& place_;
    wal::Log& log_;
    const Past past_;
    const FilePart& old_;
    const index::IndexedSegment* before_;
    std::vector<FilePart> rebuilt_;
};

}  // namespace

Result<std::vector<FilePart>> rebuild_index_file(const RebuildPlace& place, wal::Log& log, const IndexSet& indexes,
                                                 const IndexParts& parts, std::size_t damaged) {
    return Rebuild(place, log, indexes, parts, damaged).run();
}

}  // namespace chronos::store
