// One index file in place of several that follow each other. Format: docs/formats/index.md § 4.
//
// The sections are written from front to back. Each is one walk through the parts, so a dictionary
// is walked three times: for its entries, for its key bytes, and for its postings. In memory are a
// piece of each part, and the filters.
#include <algorithm>
#include <deque>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file_parts.h"
#include "index/index_file_writer.h"

namespace chronos::index {
namespace {

using Parts = IndexFile::Parts;

constexpr std::size_t kPieceSize = std::size_t{256} << 10;
constexpr std::uint64_t kBytesPerYield = std::uint64_t{4} << 20;

/// Walks ids in the order of the file, checked.
class IdCursor {
public:
    IdCursor(const Parts& parts, const Section& section)
        : parts_(parts), reader_(parts, section, kPieceSize), left_(section.count) {}

    Status next() {
        if (left_ == 0) {
            done_ = true;
            return {};
        }
        --left_;
        const IndexedId previous = id_;
        RETURN_IF_ERROR(reader_.need(kIdEntrySize));
        const std::byte* entry = reader_.take(kIdEntrySize);
        id_ = {base::load<std::uint64_t>(entry), base::load<std::uint32_t>(entry + sizeof(id_.hash))};
        if (id_.delta >= parts_.footer.event_count()) return parts_.corrupt("has the id of an event that is not in it");
        if (id_.hash < previous.hash || (id_.hash == previous.hash && id_.delta < previous.delta))
            return parts_.corrupt("has ids out of order");
        return {};
    }
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] const IndexedId& id() const { return id_; }
    [[nodiscard]] std::uint64_t seq() const { return parts_.footer.begin_seq + id_.delta; }
    [[nodiscard]] bool is_before(const IdCursor& other) const {
        return id_.hash != other.id_.hash ? id_.hash < other.id_.hash : seq() < other.seq();
    }

private:
    const Parts& parts_;
    BodyReader reader_;
    std::uint64_t left_;
    bool done_ = false;
    IndexedId id_;
};

/// Moves through sorted cursors at once: calls `use` with the indexes of those that stand at the
/// least entry, ascending, and moves them on.
template <typename Cursor, typename Use>
Status walk(std::deque<Cursor>& cursors, Use&& use) {
    std::vector<std::size_t> heap;  // the least is in front
    const auto is_behind = [&](std::size_t a, std::size_t b) {
        if (cursors[b].is_before(cursors[a])) return true;
        return !cursors[a].is_before(cursors[b]) && a > b;
    };
    const auto move_on = [&](std::size_t i) -> Status {
        RETURN_IF_ERROR(cursors[i].next());
        if (cursors[i].done()) return {};
        heap.push_back(i);
        std::push_heap(heap.begin(), heap.end(), is_behind);
        return {};
    };
    for (std::size_t i = 0; i < cursors.size(); ++i) RETURN_IF_ERROR(move_on(i));
    std::vector<std::size_t> least;
    while (!heap.empty()) {
        least.clear();
        do {
            std::pop_heap(heap.begin(), heap.end(), is_behind);
            least.push_back(heap.back());
            heap.pop_back();
        } while (!heap.empty() && !cursors[least.front()].is_before(cursors[heap.front()]));
        RETURN_IF_ERROR(use(std::span<const std::size_t>(least)));
        for (const std::size_t i : least) RETURN_IF_ERROR(move_on(i));
    }
    return {};
}

class Merge {
public:
    Merge(std::span<const std::shared_ptr<IndexFile>> files, IndexFileWriter& out, const std::function<Status()>& yield)
        : out_(out), yield_(yield), begin_seq_(files.front()->begin_seq()) {
        for (const auto& file : files) parts_.push_back(&file->parts());
    }

    Result<std::string> run(const Uuid& database) {
        IndexFooter footer{.database = database, .begin_seq = begin_seq_, .end_seq = parts_.back()->footer.end_seq};
        RETURN_IF_ERROR(copy_section([](const Parts& part) { return part.layout.offsets; }));
        RETURN_IF_ERROR(copy_section([](const Parts& part) { return part.layout.places; }));
        for (std::size_t i = 0; i < kKeyKinds; ++i) {
            const auto kind = static_cast<KeyKind>(i);
            RETURN_IF_ERROR(write_entries(kind, footer.dictionaries[i]));
            RETURN_IF_ERROR(write_key_bytes(kind));
            RETURN_IF_ERROR(write_postings(kind));
        }
        const auto ids = [](const Parts& part) { return part.layout.ids; };
        const auto batches = [](const Parts& part) { return part.layout.batches; };
        footer.id_count = count_of(ids);
        footer.batch_count = count_of(batches);
        IdFilter id_filter(footer.id_count);
        IdFilter batch_filter(footer.batch_count);
        RETURN_IF_ERROR(write_ids(ids, id_filter));
        RETURN_IF_ERROR(write_ids(batches, batch_filter));
        return finish(footer, id_filter, batch_filter);
    }

private:
    [[nodiscard]] std::uint32_t shift_of(std::size_t part) const {
        return static_cast<std::uint32_t>(parts_[part]->footer.begin_seq - begin_seq_);
    }
    template <typename SectionOf>
    std::uint64_t count_of(SectionOf&& section_of) const {
        std::uint64_t count = 0;
        for (const Parts* part : parts_) count += section_of(*part).count;
        return count;
    }

    /// Lets others work after every few MiB, and stops early when the disk is full.
    Status pace() {
        if (out_.offset() - yielded_at_ < kBytesPerYield) return {};
        yielded_at_ = out_.offset();
        RETURN_IF_ERROR(out_.status());
        return yield_();
    }

    template <typename SectionOf>
    Status copy_section(SectionOf&& section_of) {
        for (const Parts* part : parts_) {
            BodyReader reader(*part, section_of(*part), kPieceSize);
            while (reader.left() > 0) {
                RETURN_IF_ERROR(reader.need(1));
                const std::size_t size = reader.ready();
                out_.append({reader.take(size), size});
                RETURN_IF_ERROR(pace());
            }
        }
        out_.end_section();
        return {};
    }

    std::deque<KeyCursor> keys_of(KeyKind kind) const {
        std::deque<KeyCursor> cursors;
        for (const Parts* part : parts_) cursors.emplace_back(*part, kind, kPieceSize);
        return cursors;
    }

    Status write_entries(KeyKind kind, IndexFooter::Dictionary& counts) {
        std::deque<KeyCursor> cursors = keys_of(kind);
        const auto write = [&](std::span<const std::size_t> same) -> Status {
            const KeyCursor& first = cursors[same.front()];
            const KeyCursor& last = cursors[same.back()];
            StoredKey entry = first.record().key;
            entry.offset_and_size = counts.key_bytes << 16 | first.key().size();
            entry.first_posting = counts.posting_count;
            entry.first_delta += shift_of(same.front());
            entry.last_delta = last.record().key.last_delta + shift_of(same.back());
            entry.count = 0;
            for (const std::size_t i : same) entry.count += cursors[i].record().key.count;
            out_.append_value(entry);
            if (kind == KeyKind::kEntity) out_.append_value(first.record().stream);
            ++counts.key_count;
            counts.key_bytes += first.key().size();
            counts.posting_count += entry.count;
            return pace();
        };
        RETURN_IF_ERROR(walk(cursors, write));
        out_.end_section();
        return {};
    }

    Status write_key_bytes(KeyKind kind) {
        std::deque<KeyCursor> cursors = keys_of(kind);
        const auto write = [&](std::span<const std::size_t> same) -> Status {
            out_.append(base::as_bytes(cursors[same.front()].key()));
            return pace();
        };
        RETURN_IF_ERROR(walk(cursors, write));
        out_.end_section();
        return {};
    }

    Status write_postings(KeyKind kind) {
        std::deque<KeyCursor> cursors = keys_of(kind);
        std::deque<BodyReader> postings;
        for (const Parts* part : parts_) postings.emplace_back(*part, part->dictionary(kind).postings, kPieceSize);
        const auto write = [&](std::span<const std::size_t> same) -> Status {
            for (const std::size_t i : same) RETURN_IF_ERROR(copy_list(i, cursors[i].record().key, postings[i]));
            return {};
        };
        RETURN_IF_ERROR(walk(cursors, write));
        out_.end_section();
        return {};
    }

    Status copy_list(std::size_t part, const StoredKey& key, BodyReader& postings) {
        constexpr std::size_t kSize = sizeof(std::uint32_t);
        std::uint64_t least = key.first_delta;
        for (std::size_t left = key.count; left > 0;) {
            RETURN_IF_ERROR(postings.need(kSize));
            const std::size_t count = std::min(left, postings.ready() / kSize);
            const std::byte* from = postings.take(count * kSize);
            for (std::size_t i = 0; i < count; ++i) {
                const auto delta = base::load<std::uint32_t>(from + i * kSize);
                if (delta < least || delta > key.last_delta) return parts_[part]->corrupt("has a list out of order");
                least = std::uint64_t{delta} + 1;
                out_.append_value(delta + shift_of(part));
            }
            left -= count;
            RETURN_IF_ERROR(pace());
        }
        return {};
    }

    template <typename SectionOf>
    Status write_ids(SectionOf&& section_of, IdFilter& filter) {
        std::deque<IdCursor> cursors;
        for (const Parts* part : parts_) cursors.emplace_back(*part, section_of(*part));
        const auto write = [&](std::span<const std::size_t> same) -> Status {
            for (const std::size_t i : same) {
                out_.append_value(cursors[i].id().hash);
                out_.append_value(cursors[i].id().delta + shift_of(i));
                filter.add(cursors[i].id().hash);
            }
            return pace();
        };
        RETURN_IF_ERROR(walk(cursors, write));
        out_.end_section();
        return {};
    }

    Result<std::string> finish(const IndexFooter& footer, const IdFilter& id_filter, const IdFilter& batch_filter) {
        std::vector<IndexedSegment> segments;
        std::vector<std::uint32_t> log_crcs;
        std::vector<IndexedRun> runs;
        std::vector<TimeStripe> stripes;
        for (const Parts* part : parts_) {
            for (IndexedSegment segment : part->segments) {
                segment.first_block_crc += static_cast<std::uint32_t>(log_crcs.size());
                segments.push_back(segment);
            }
            log_crcs.insert(log_crcs.end(), part->log_crcs.begin(), part->log_crcs.end());
            for (const IndexedRun& run : part->runs) add(runs, run);
            // The seam may be in the middle of a stripe.
            const bool is_cut = !stripes.empty() && part->footer.begin_seq % kStripeEvents != 0;
            for (std::size_t i = 0; i < part->stripes.size(); ++i) add(stripes, part->stripes[i], is_cut && i == 0);
        }
        return out_.finish(footer, {.segments = segments,
                                    .log_crcs = log_crcs,
                                    .runs = runs,
                                    .stripes = stripes,
                                    .id_filter = &id_filter,
                                    .batch_filter = &batch_filter});
    }

    static void add(std::vector<IndexedRun>& runs, const IndexedRun& run) {
        if (!runs.empty() && runs.back().branch == run.branch &&
            runs.back().first_position + runs.back().count == run.first_position) {
            runs.back().count += run.count;
        } else {
            runs.push_back(run);
        }
    }
    static void add(std::vector<TimeStripe>& stripes, const TimeStripe& stripe, bool is_rest_of_last) {
        if (!is_rest_of_last) return stripes.push_back(stripe);
        TimeStripe& last = stripes.back();
        last.min_occurred_at = std::min(last.min_occurred_at, stripe.min_occurred_at);
        last.max_occurred_at = std::max(last.max_occurred_at, stripe.max_occurred_at);
    }

    IndexFileWriter& out_;
    const std::function<Status()>& yield_;
    const std::uint64_t begin_seq_;
    std::vector<const Parts*> parts_;
    std::uint64_t yielded_at_ = 0;
};

/// Whether counts of the whole fit the numbers of the format.
Status check_limits(std::span<const std::shared_ptr<IndexFile>> files) {
    std::uint64_t ids = 0;
    std::uint64_t batches = 0;
    std::uint64_t log_crcs = 0;
    for (const auto& file : files) {
        ids += file->parts().layout.ids.count;
        batches += file->parts().layout.batches.count;
        log_crcs += file->parts().log_crcs.size();
    }
    const std::uint64_t events = files.back()->end_seq() - files.front()->begin_seq();
    if (std::max({events, ids, batches, log_crcs}) <= kIndexFileEventsMax) return {};
    return base::fail(ErrorCode::kLimitExceeded,
                      files.front()->path() + " and what follows are too much for one index file");
}

}  // namespace

std::uint64_t merge_working_bytes(std::span<const std::shared_ptr<IndexFile>> parts) {
    constexpr std::uint64_t kReadersMax = 3;  // of a part: keys, their bytes, postings
    std::uint64_t bytes = std::uint64_t{2} << 20;
    for (const auto& part : parts)
        bytes += kReadersMax * (kPieceSize + 2 * cache::kImageBlockSize) + part->resident_bytes();
    return bytes;
}

Result<std::string> merge_index_files(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                      std::span<const std::shared_ptr<IndexFile>> parts,
                                      const std::function<Status()>& yield) {
    ASSERT(!parts.empty());
    for (std::size_t i = 1; i < parts.size(); ++i) ASSERT(parts[i]->begin_seq() == parts[i - 1]->end_seq());
    RETURN_IF_ERROR(check_limits(parts));
    const std::string name =
        index_file_name({parts.front()->segments().front().number, parts.back()->segments().back().number});
    ASSIGN_OR_RETURN(const auto out, IndexFileWriter::create(files, directory, name));
    return Merge(parts, *out, yield).run(database);
}

}  // namespace chronos::index
