#include "projection/snapshot_file_writer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::projection {
namespace {

/// Of states that are copied at once.
constexpr std::size_t kPieceSize = std::size_t{256} << 10;

}  // namespace

SnapshotFileWriter::SnapshotFileWriter(std::unique_ptr<cache::ImageFileWriter> out, const Description& description)
    : out_(std::move(out)), description_(description) {
    out_->append_value(SnapshotHead{});
}

Result<std::unique_ptr<SnapshotFileWriter>> SnapshotFileWriter::create(io::FileSystem& files,
                                                                       const std::string& directory,
                                                                       const Description& description) {
    ASSERT(description.first_turn <= description.last_turn && description.last_turn <= kTurnMax);
    ASSIGN_OR_RETURN(auto out,
                     cache::ImageFileWriter::create(files, directory,
                                                    snapshot_file_name(description.first_turn, description.last_turn)));
    return std::unique_ptr<SnapshotFileWriter>(new SnapshotFileWriter(std::move(out), description));
}

void SnapshotFileWriter::add(const Addition& addition) {
    const FoldedState& state = *addition.state;
    const std::vector<std::uint64_t> origins = state.tree.origins();
    ASSERT(addition.json.size() <= kSavedJsonSizeMax && state.event_count > 0 &&
           state.late_events < state.event_count && addition.key.entity_id.size() <= 0xFFFF);
    entries_.push_back({.hash = addition.key.hash,
                        .branch = addition.key.branch,
                        .fold = static_cast<std::uint8_t>(addition.key.fold),
                        .entity_size = static_cast<std::uint16_t>(addition.key.entity_id.size()),
                        .event_count = state.event_count,
                        .late_events = state.late_events,
                        .last_seq = state.last_seq,
                        .last_recorded_at = addition.last_recorded_at,
                        .max_occurred_at = state.max_occurred_at,
                        .offset = out_->offset(),
                        .json_size = static_cast<std::uint32_t>(addition.json.size()),
                        .leaf_count = static_cast<std::uint32_t>(origins.size())});
    out_->append(base::as_bytes(addition.key.entity_id));
    out_->append(base::as_bytes(addition.json));
    out_->pad_to(8);
    out_->append_values(std::span(origins));
}

Result<std::string> SnapshotFileWriter::finish() {
    ASSERT(!entries_.empty());
    std::sort(entries_.begin(), entries_.end(),
              [](const SnapshotEntry& a, const SnapshotEntry& b) { return a.order() < b.order(); });
    const std::uint64_t states_end = out_->offset();
    out_->pad_to(kEntriesAlignment);
    out_->append_values(std::span<const SnapshotEntry>(entries_));
    return finish(states_end, entries_.size());
}

/// What follows the entries.
Result<std::string> SnapshotFileWriter::finish(std::uint64_t states_end, std::uint64_t entry_count) {
    SnapshotFooter footer{.database = description_.owner.database,
                          .store_epoch = description_.owner.store_epoch,
                          .first_turn = description_.first_turn,
                          .last_turn = description_.last_turn,
                          .states_end = states_end,
                          .entry_count = entry_count};
    const auto layout = layout_of(footer);
    if (!layout || layout->file_size > kSnapshotFileSizeMax)
        return base::fail(ErrorCode::kLimitExceeded, out_->path() + ": too much for one snapshot file");
    ASSERT(out_->offset() == layout->body_size);
    out_->append_resident(std::as_bytes(std::span(out_->end_body())));
    footer.file_size = layout->file_size;
    footer.resident_crc = out_->resident_crc();
    footer.crc = base::crc32c(std::as_bytes(std::span(&footer, 1)).subspan(offsetof(SnapshotFooter, resident_crc)));
    out_->append_value(footer);
    ASSERT(out_->offset() == footer.file_size);
    RETURN_IF_ERROR(out_->publish());
    return out_->path();
}

// --- merging -----------------------------------------------------------------------------------------

Status SnapshotFileWriter::copy_states(const SnapshotFile& file) {
    std::vector<std::byte> piece(kPieceSize);
    for (std::uint64_t at = sizeof(SnapshotHead); at < file.states_end();) {
        const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), file.states_end() - at));
        RETURN_IF_ERROR(file.copy(at, part));
        out_->append(part);
        at += part.size();
    }
    out_->pad_to(8);
    return out_->status();
}

/// The entries of all parts in one order; states of a part have moved by `moves`.
Status SnapshotFileWriter::merge_entries(std::span<const std::shared_ptr<SnapshotFile>> parts,
                                         const std::vector<std::uint64_t>& moves) {
    struct Source {
        const SnapshotFile* file;
        std::uint64_t moved;
        std::uint64_t index;
        SnapshotEntry entry;
    };
    std::vector<Source> sources;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        ASSIGN_OR_RETURN(const SnapshotEntry first, parts[i]->entry(0));
        sources.push_back({parts[i].get(), moves[i], 0, first});
    }
    while (!sources.empty()) {
        const auto least = std::min_element(sources.begin(), sources.end(), [](const Source& a, const Source& b) {
            return a.entry.order() < b.entry.order();
        });
        SnapshotEntry moved = least->entry;
        moved.offset += least->moved;
        out_->append_value(moved);
        if (++least->index == least->file->entry_count()) {
            sources.erase(least);
            continue;
        }
        ASSIGN_OR_RETURN(const SnapshotEntry next, least->file->entry(least->index));
        if (next.order() < least->entry.order())
            return base::fail(ErrorCode::kCorrupt, least->file->path() + ": has entries out of order");
        least->entry = next;
    }
    return out_->status();
}

Result<std::string> SnapshotFileWriter::merge(io::FileSystem& files, const std::string& directory,
                                              const SnapshotFile::Owner& owner,
                                              std::span<const std::shared_ptr<SnapshotFile>> parts) {
    ASSIGN_OR_RETURN(
        const auto writer,
        create(files, directory,
               {.owner = owner, .first_turn = parts.front()->first_turn(), .last_turn = parts.back()->last_turn()}));
    std::vector<std::uint64_t> moves;
    std::uint64_t entry_count = 0;
    for (const auto& part : parts) {
        moves.push_back(writer->out_->offset() - sizeof(SnapshotHead));  // both are multiples of 8
        entry_count += part->entry_count();
        RETURN_IF_ERROR(writer->copy_states(*part));
    }
    const std::uint64_t states_end = writer->out_->offset();
    writer->out_->pad_to(kEntriesAlignment);
    RETURN_IF_ERROR(writer->merge_entries(parts, moves));
    return writer->finish(states_end, entry_count);
}

}  // namespace chronos::projection
