// One index file anew, without what it said of events that were removed. Format: docs/formats/index.md § 6.
//
// The sections are written from front to back, as in a merge. A dictionary is walked twice: for its entries, which need
// the lists to be counted, and for its lists; the key bytes of what is left lie between.
#include <algorithm>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file_parts.h"
#include "index/index_file_writer.h"

namespace chronos::index {
namespace {

using Parts = IndexFile::Parts;
using Removed = IndexEdit::Removed;

constexpr std::size_t kPieceSize = std::size_t{256} << 10;
constexpr std::uint64_t kBytesPerYield = std::uint64_t{4} << 20;

class Rewrite {
public:
    Rewrite(const IndexFile& file, const IndexEdit& edit, IndexFileWriter& out, const std::function<Status()>& yield)
        : parts_(file.parts()), edit_(edit), out_(out), yield_(yield) {
        for (const Removed& removed : edit.removed) branches_.push_back(removed.branch);
        std::sort(branches_.begin(), branches_.end());
        branches_.erase(std::unique(branches_.begin(), branches_.end()), branches_.end());
    }

    Result<std::string> run(const Uuid& database) {
        IndexFooter footer{
            .database = database, .begin_seq = parts_.footer.begin_seq, .end_seq = parts_.footer.end_seq};
        RETURN_IF_ERROR(write_by_seq(parts_.layout.offsets, [](const Removed& removed) {
            return kRemovedMark | static_cast<std::uint32_t>(removed.stub_offset / 8);
        }));
        RETURN_IF_ERROR(write_by_seq(parts_.layout.places, [](const Removed&) { return std::uint32_t{0}; }));
        for (std::size_t i = 0; i < kKeyKinds; ++i) {
            const auto kind = static_cast<KeyKind>(i);
            RETURN_IF_ERROR(write_entries(kind, footer.dictionaries[i]));
            RETURN_IF_ERROR(write_key_bytes(kind));
            RETURN_IF_ERROR(write_postings(kind));
        }
        std::vector<std::uint64_t> id_hashes;
        std::vector<std::uint64_t> batch_hashes;
        RETURN_IF_ERROR(write_ids(parts_.layout.ids, id_hashes));
        RETURN_IF_ERROR(write_ids(parts_.layout.batches, batch_hashes));
        footer.id_count = id_hashes.size();
        footer.batch_count = batch_hashes.size();
        const IdFilter id_filter = filter_of(id_hashes);
        const IdFilter batch_filter = filter_of(batch_hashes);
        return out_.finish(footer, {.segments = edit_.segments,
                                    .log_crcs = edit_.block_crcs,
                                    .runs = parts_.runs,
                                    .stripes = parts_.stripes,
                                    .id_filter = &id_filter,
                                    .batch_filter = &batch_filter});
    }

private:
    /// Lets others work after every few MiB, and stops early when the disk is full.
    Status pace() {
        if (out_.offset() - yielded_at_ < kBytesPerYield) return {};
        yielded_at_ = out_.offset();
        RETURN_IF_ERROR(out_.status());
        return yield_();
    }

    [[nodiscard]] bool is_removed(std::uint32_t delta) const {
        const std::uint64_t seq = parts_.footer.begin_seq + delta;
        const auto behind = std::upper_bound(edit_.removed.begin(), edit_.removed.end(), seq,
                                             [](std::uint64_t s, const Removed& at) { return s < at.first_seq; });
        return behind != edit_.removed.begin() && seq - std::prev(behind)->first_seq < std::prev(behind)->count;
    }
    /// Whether a key of the branch may have lost events.
    [[nodiscard]] bool concerns(event::BranchNumber branch) const {
        return std::binary_search(branches_.begin(), branches_.end(), branch);
    }

    /// A section with an entry for each seq.
    template <typename ValueOf>
    Status write_by_seq(const Section& section, ValueOf&& value_of) {
        BodyReader reader(parts_, section, kPieceSize);
        auto removed = edit_.removed.begin();
        std::uint64_t seq = parts_.footer.begin_seq;
        while (reader.left() > 0) {
            RETURN_IF_ERROR(reader.need(sizeof(std::uint32_t)));
            const std::size_t count = reader.ready() / sizeof(std::uint32_t);
            const std::byte* from = reader.take(count * sizeof(std::uint32_t));
            for (std::size_t i = 0; i < count; ++i, ++seq) {
                while (removed != edit_.removed.end() && removed->first_seq + removed->count <= seq) ++removed;
                const bool is_gone = removed != edit_.removed.end() && removed->first_seq <= seq;
                out_.append_value(is_gone ? value_of(*removed)
                                          : base::load<std::uint32_t>(from + i * sizeof(std::uint32_t)));
            }
            RETURN_IF_ERROR(pace());
        }
        out_.end_section();
        return {};
    }

    /// What is left of a list.
    struct Left {
        std::uint32_t count = 0;
        std::uint32_t removed_in_front = 0;
        std::uint32_t first_delta = 0, last_delta = 0;
    };

    /// Goes over the next list; calls `visit` with what is left of it.
    template <typename Visit>
    Status walk_list(const StoredKey& key, BodyReader& postings, Visit&& visit) {
        constexpr std::size_t kSize = sizeof(std::uint32_t);
        const bool looks = concerns(key.branch);
        std::uint64_t least = key.first_delta;
        for (std::size_t left = key.count; left > 0;) {
            RETURN_IF_ERROR(postings.need(kSize));
            const std::size_t count = std::min(left, postings.ready() / kSize);
            const std::byte* from = postings.take(count * kSize);
            for (std::size_t i = 0; i < count; ++i) {
                const auto delta = base::load<std::uint32_t>(from + i * kSize);
                if (delta < least || delta > key.last_delta) return parts_.corrupt("has a list out of order");
                least = std::uint64_t{delta} + 1;
                visit(delta, looks && is_removed(delta));
            }
            left -= count;
            RETURN_IF_ERROR(pace());
        }
        return {};
    }

    Status write_entries(KeyKind kind, IndexFooter::Dictionary& counts) {
        KeyCursor cursor(parts_, kind, kPieceSize);
        BodyReader postings(parts_, parts_.dictionary(kind).postings, kPieceSize);
        is_left_.clear();
        RETURN_IF_ERROR(cursor.next());
        for (; !cursor.done();) {
            Left left;
            RETURN_IF_ERROR(walk_list(cursor.record().key, postings, [&](std::uint32_t delta, bool is_gone) {
                if (is_gone) {
                    left.removed_in_front += left.count == 0 ? 1 : 0;
                    return;
                }
                if (left.count++ == 0) left.first_delta = delta;
                left.last_delta = delta;
            }));
            is_left_.push_back(left.count > 0);
            if (left.count > 0) {
                StoredKey entry = cursor.record().key;
                entry.offset_and_size = counts.key_bytes << 16 | cursor.key().size();
                entry.first_posting = counts.posting_count;
                entry.count = left.count;
                entry.first_delta = left.first_delta;
                entry.last_delta = left.last_delta;
                out_.append_value(entry);
                if (kind == KeyKind::kEntity) {
                    StoredStream stream = cursor.record().stream;
                    stream.first_place += left.removed_in_front;
                    out_.append_value(stream);
                }
                ++counts.key_count;
                counts.key_bytes += cursor.key().size();
                counts.posting_count += left.count;
            }
            RETURN_IF_ERROR(cursor.next());
        }
        out_.end_section();
        return {};
    }

    Status write_key_bytes(KeyKind kind) {
        KeyCursor cursor(parts_, kind, kPieceSize);
        RETURN_IF_ERROR(cursor.next());
        for (std::size_t i = 0; !cursor.done(); ++i) {
            if (is_left_[i]) out_.append(base::as_bytes(cursor.key()));
            RETURN_IF_ERROR(pace());
            RETURN_IF_ERROR(cursor.next());
        }
        out_.end_section();
        return {};
    }

    Status write_postings(KeyKind kind) {
        KeyCursor cursor(parts_, kind, kPieceSize);
        BodyReader postings(parts_, parts_.dictionary(kind).postings, kPieceSize);
        RETURN_IF_ERROR(cursor.next());
        while (!cursor.done()) {
            RETURN_IF_ERROR(walk_list(cursor.record().key, postings, [&](std::uint32_t delta, bool is_gone) {
                if (!is_gone) out_.append_value(delta);
            }));
            RETURN_IF_ERROR(cursor.next());
        }
        out_.end_section();
        return {};
    }

    Status write_ids(const Section& section, std::vector<std::uint64_t>& hashes) {
        BodyReader reader(parts_, section, kPieceSize);
        while (reader.left() > 0) {
            RETURN_IF_ERROR(reader.need(kIdEntrySize));
            const std::byte* entry = reader.take(kIdEntrySize);
            const auto hash = base::load<std::uint64_t>(entry);
            const auto delta = base::load<std::uint32_t>(entry + sizeof(hash));
            if (delta >= parts_.footer.event_count()) return parts_.corrupt("has the id of an event that is not in it");
            if (is_removed(delta)) continue;
            out_.append_value(hash);
            out_.append_value(delta);
            hashes.push_back(hash);
            RETURN_IF_ERROR(pace());
        }
        out_.end_section();
        return {};
    }

    static IdFilter filter_of(const std::vector<std::uint64_t>& hashes) {
        IdFilter filter(hashes.size());
        for (const std::uint64_t hash : hashes) filter.add(hash);
        return filter;
    }

    const Parts& parts_;
    const IndexEdit& edit_;
    IndexFileWriter& out_;
    const std::function<Status()>& yield_;
    std::vector<event::BranchNumber> branches_;  // sorted
    std::vector<bool> is_left_;                  // by key of the dictionary that is being written
    std::uint64_t yielded_at_ = 0;
};

}  // namespace

Result<std::string> rewrite_index_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                       const IndexFile& file, const IndexEdit& edit,
                                       const std::function<Status()>& yield) {
    ASSERT(edit.segments.size() == file.segments().size());
    auto name = parse_index_file_name(std::string_view(file.path()).substr(file.path().rfind('/') + 1));
    ASSERT(name);
    ++name->revision;
    ASSIGN_OR_RETURN(const auto out, IndexFileWriter::create(files, directory, index_file_name(*name)));
    return Rewrite(file, edit, *out, yield).run(database);
}

}  // namespace chronos::index
