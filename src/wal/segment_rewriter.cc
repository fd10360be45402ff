#include "wal/segment_rewriter.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "cache/file_image.h"
#include "event/body.h"
#include "io/aligned_buffer.h"
#include "wal/segment.h"

namespace chronos::wal {
namespace {

using cache::kImageBlockSize;

/// What is copied at once.
constexpr std::size_t kWindowSize = std::size_t{1} << 20;
/// What is read at once to go from record to record.
constexpr std::size_t kWalkSize = std::size_t{128} << 10;
static_assert(kWindowSize % kImageBlockSize == 0 && kImageBlockSize % io::kBlockSize == 0);

/// Reads the old file forward, whole blocks at a time, checked.
class CheckedReader {
public:
    CheckedReader(const RewriteOrder& order, std::string name)
        : order_(order), name_(std::move(name)), window_(kWindowSize + 2 * kImageBlockSize) {}

    /// [offset, offset + size), valid until the next call; reads up to `ahead` bytes when it has to read.
    /// Requires: inside the file; size ≤ kWindowSize.
    Result<const std::byte*> read(std::uint64_t offset, std::size_t size, std::size_t ahead) {
        if (offset < begin_ || offset + size > end_) RETURN_IF_ERROR(load(offset, std::max(size, ahead)));
        return window_.data() + (offset - begin_);
    }

private:
    Status load(std::uint64_t offset, std::size_t size) {
        begin_ = end_ = offset / kImageBlockSize * kImageBlockSize;
        const std::uint64_t end = std::min(base::round_up(offset + size, kImageBlockSize), order_.entry.end_offset);
        const auto bytes = window_.span(0, end - begin_);
        ASSIGN_OR_RETURN(const std::size_t got, order_.file->read_at(begin_, bytes));
        const std::vector<std::uint32_t> crcs = cache::block_crcs_of(bytes.first(got));
        for (std::size_t i = 0; i * kImageBlockSize < bytes.size(); ++i) {
            if (got == bytes.size() && crcs[i] == order_.crcs[begin_ / kImageBlockSize + i]) continue;
            return base::fail(ErrorCode::kCorrupt,
                              name_ + " at offset " + std::to_string(begin_ + i * kImageBlockSize) +
                                  ": bytes on disk do not match their checksum; it is not rewritten");
        }
        end_ = end;
        return order_.yield ? order_.yield(bytes.size()) : Status();
    }

    const RewriteOrder& order_;
    const std::string name_;
    io::AlignedBuffer window_;
    std::uint64_t begin_ = 0, end_ = 0;
};

/// What stays, and stubs of what goes.
struct Plan {
    std::vector<RemovedRecord> stubs;
    std::vector<bool> kept_blocks;  ///< Of io::kBlockSize, up to the end of the records.
    std::uint64_t removed_events = 0;
};

/// Walks from record to record.
class Planner {
public:
    Planner(const RewriteOrder& order, CheckedReader& reader, std::string name)
        : order_(order), reader_(reader), name_(std::move(name)) {
        plan_.kept_blocks.resize(order.entry.records_end() / io::kBlockSize);
        plan_.kept_blocks[0] = true;  // The segment header.
    }

    Result<Plan> plan() {
        RETURN_IF_ERROR(read_old_stubs());
        std::uint64_t offset = kSegmentHeaderSize;
        std::uint64_t seq = order_.entry.first_seq;
        std::optional<std::uint32_t> crc;
        std::size_t old = 0;
        while (offset < order_.entry.records_end()) {
            if (old < old_stubs_.size() && old_stubs_[old].offset() == offset) {
                const RemovedRecord& stub = old_stubs_[old++];
                if (stub.first_seq != seq) return not_as_sealed(offset);
                run_.push_back({.stub = stub, .is_new = false});
                crc = stub.record_crc;
                seq = stub.end_seq();
                offset = stub.end_offset();
                continue;
            }
            Envelope envelope;
            RETURN_IF_ERROR(read_envelope(offset, envelope));
            if (envelope.first_seq != seq || (crc && envelope.previous_crc != *crc)) return not_as_sealed(offset);
            RETURN_IF_ERROR(look_at(offset, envelope));
            crc = envelope.record_crc;
            seq += envelope.event_count;
            offset += envelope.record_size;
        }
        end_run();
        if (seq != order_.entry.end_seq || offset != order_.entry.records_end() ||
            (crc && *crc != order_.entry.last_crc) || old != old_stubs_.size())
            return not_as_sealed(offset);
        return std::move(plan_);
    }

    /// Bytes of the table in the old file.
    [[nodiscard]] std::uint64_t old_table_size() const { return order_.entry.end_offset - order_.entry.records_end(); }
    /// Blocks in use in the old file.
    [[nodiscard]] std::uint64_t old_kept_blocks() const { return old_kept_blocks_; }

private:
    struct Candidate {
        RemovedRecord stub;
        bool is_new = false;
    };

    Error not_as_sealed(std::uint64_t offset) const {
        return base::fail(ErrorCode::kCorrupt, name_ + " at offset " + std::to_string(offset) +
                                                   ": the segment is not the one that was sealed; it is not rewritten");
    }

    Status read_old_stubs() {
        const std::uint64_t begin = order_.entry.records_end();
        old_kept_blocks_ = begin / io::kBlockSize;
        if (order_.entry.revision == 0) return {};
        std::vector<std::byte> table(order_.entry.end_offset - begin);
        for (std::size_t at = 0; at < table.size();) {
            const std::size_t size = std::min(table.size() - at, kWindowSize);
            ASSIGN_OR_RETURN(const std::byte* bytes, reader_.read(begin + at, size, size));
            std::copy_n(bytes, size, table.data() + at);
            at += size;
        }
        ASSIGN_OR_RETURN(old_stubs_, decode_removals(table, begin, {order_.entry.number, order_.entry.salt}));
        return {};
    }

    Status read_envelope(std::uint64_t offset, Envelope& envelope) {
        if (order_.entry.records_end() - offset < kEnvelopeSize) return not_as_sealed(offset);
        ASSIGN_OR_RETURN(const std::byte* bytes, reader_.read(offset, kEnvelopeSize, kWalkSize));
        const RecordCheck check =
            check_envelope(std::span(bytes, kEnvelopeSize), offset, {order_.entry.number, order_.entry.salt}, envelope);
        const bool is_sound = check == RecordCheck::kValid && envelope.kind != RecordKind::kRemoved &&
                              envelope.record_size <= order_.entry.records_end() - offset;
        return is_sound ? Status() : Status(not_as_sealed(offset));
    }

    Status look_at(std::uint64_t offset, const Envelope& envelope) {
        event::BodyHeader header;
        std::optional<RemovalReason> reason;
        if (envelope.kind == RecordKind::kBatch) {
            if (envelope.body_size < sizeof(header)) return not_as_sealed(offset);
            ASSIGN_OR_RETURN(const std::byte* bytes, reader_.read(offset + kEnvelopeSize, sizeof(header), kWalkSize));
            header = base::load<event::BodyHeader>(bytes);
            if (header.event_count != envelope.event_count) return not_as_sealed(offset);
            reason = order_.choose({header.branch, envelope.first_seq, envelope.event_count});
        }
        if (!reason) {
            end_run();
            keep(offset, offset + envelope.record_size);
            return {};
        }
        ASSERT(header.branch != event::kSystemBranch);
        RemovedRecord stub{.first_seq = envelope.first_seq,
                           .first_position = header.first_position,
                           .recorded_at = header.recorded_at,
                           .event_count = envelope.event_count,
                           .branch = header.branch,
                           .record_crc = envelope.record_crc,
                           .record_size = envelope.record_size,
                           .place = static_cast<std::uint32_t>(offset / kRecordAlignment),
                           .group_index = envelope.group_index,
                           .group_last_index = envelope.group_last_index,
                           .epoch = envelope.epoch,
                           .reason = *reason};
        std::memcpy(stub.body_hash, envelope.body_hash, sizeof(stub.body_hash));
        run_.push_back({.stub = stub, .is_new = true});
        return {};
    }

    void keep(std::uint64_t begin, std::uint64_t end) {
        for (std::uint64_t block = begin / io::kBlockSize; block * io::kBlockSize < end; ++block)
            plan_.kept_blocks[block] = true;
    }

    /// Whole blocks in a range.
    static std::uint64_t blocks_in(std::uint64_t begin, std::uint64_t end) {
        const std::uint64_t first = base::round_up(begin, io::kBlockSize) / io::kBlockSize;
        const std::uint64_t last = end / io::kBlockSize;
        return last > first ? last - first : 0;
    }

    /// Records that follow each other and may go: do they?
    void end_run() {
        if (run_.empty()) return;
        std::uint64_t free_before = 0;
        std::size_t new_count = 0;
        for (std::size_t i = 0; i < run_.size();) {
            std::size_t end = i;
            while (end < run_.size() && run_[end].is_new == run_[i].is_new) ++end;
            if (run_[i].is_new) {
                new_count += end - i;
            } else {
                free_before += blocks_in(run_[i].stub.offset(), run_[end - 1].stub.end_offset());
            }
            i = end;
        }
        const std::uint64_t free_after = blocks_in(run_.front().stub.offset(), run_.back().stub.end_offset());
        const bool is_worth_it = (free_after - free_before) * io::kBlockSize > new_count * sizeof(RemovedRecord);
        old_kept_blocks_ -= free_before;
        for (const Candidate& candidate : run_) {
            if (candidate.is_new && !is_worth_it) {
                keep(candidate.stub.offset(), candidate.stub.end_offset());
                continue;
            }
            plan_.stubs.push_back(candidate.stub);
            if (candidate.is_new) plan_.removed_events += candidate.stub.event_count;
        }
        run_.clear();
    }

    const RewriteOrder& order_;
    CheckedReader& reader_;
    const std::string name_;
    std::vector<RemovedRecord> old_stubs_;
    std::vector<Candidate> run_;
    std::uint64_t old_kept_blocks_ = 0;
    Plan plan_;
};

/// Writes the fresh file and reads it back.
class Writer {
public:
    Writer(io::Environment env, std::string log_directory, const RewriteOrder& order, CheckedReader& reader,
           const Plan& plan)
        : env_(env),
          order_(order),
          reader_(reader),
          plan_(plan),
          directory_(std::move(log_directory)),
          name_(segment_file_name({order.entry.number, order.revision})),
          window_(kWindowSize) {}
    ~Writer() {
        if (unfinished_.empty()) return;
        file_.reset();
        (void)env_.files.remove_file(unfinished_);  // If even this fails, the next open removes it.
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    Result<RewrittenSegment> write() {
        const std::uint64_t removals_offset = order_.entry.records_end();
        table_ = encode_removals(plan_.stubs, removals_offset, {order_.entry.number, order_.entry.salt}, order_.epoch);
        end_ = removals_offset + table_.size();
        RETURN_IF_ERROR(create());
        for (std::uint64_t at = 0; at < end_; at += kWindowSize) RETURN_IF_ERROR(copy_window(at));
        RETURN_IF_ERROR(file_->sync());
        RewrittenSegment rewritten;
        rewritten.entry = order_.entry;
        rewritten.entry.revision = order_.revision;
        rewritten.entry.removals_block = static_cast<std::uint32_t>(removals_offset / io::kBlockSize);
        rewritten.entry.file_size = rewritten.entry.end_offset = end_;
        rewritten.entry.flags |= SegmentEntry::kHasSha256;
        ASSIGN_OR_RETURN(rewritten.entry.sha256, read_back());
        ASSIGN_OR_RETURN(rewritten.size_on_disk, file_->size_on_disk());
        const std::string path = directory_ + "/" + name_;
        RETURN_IF_ERROR(env_.files.rename(unfinished_, path));
        unfinished_ = path;  // Until its name is durable, nobody may build on it.
        RETURN_IF_ERROR(env_.files.sync_directory(directory_));
        unfinished_.clear();
        rewritten.file = std::move(file_);
        rewritten.crcs = std::move(crcs_);
        rewritten.stubs = plan_.stubs;
        rewritten.removed_events = plan_.removed_events;
        return rewritten;
    }

private:
    Status create() {
        const std::string path = directory_ + "/" + name_ + ".tmp";
        ASSIGN_OR_RETURN(const bool left_over, env_.files.exists(path));
        if (left_over) RETURN_IF_ERROR(env_.files.remove_file(path));
        ASSIGN_OR_RETURN(file_, env_.files.open(path, io::OpenMode::kCreate));
        unfinished_ = path;
        return file_->truncate(end_);
    }

    /// Whether the block has bytes of its own; else it stays a hole.
    [[nodiscard]] bool is_kept(std::uint64_t block) const {
        return block >= plan_.kept_blocks.size() || plan_.kept_blocks[block];
    }

    /// Builds a piece of the new file and writes what of it is not empty.
    Status copy_window(std::uint64_t begin) {
        const std::uint64_t end = std::min(begin + kWindowSize, end_);
        std::memset(window_.data(), 0, end - begin);
        struct Run {
            std::uint64_t begin, end;
        };
        std::vector<Run> runs;
        for (std::uint64_t at = begin; at < end; at += io::kBlockSize) {
            if (!is_kept(at / io::kBlockSize)) continue;
            if (runs.empty() || runs.back().end != at) runs.push_back({at, at});
            runs.back().end = at + io::kBlockSize;
        }
        for (const Run& run : runs) RETURN_IF_ERROR(fill(begin, run.begin, run.end));
        clear_removed(begin, end);
        if (begin == 0) RETURN_IF_ERROR(fill_header());
        const std::vector<std::uint32_t> crcs = cache::block_crcs_of(window_.span(0, end - begin));
        crcs_.insert(crcs_.end(), crcs.begin(), crcs.end());
        for (const Run& run : runs) {
            RETURN_IF_ERROR(file_->write_durable_at(run.begin, window_.span(run.begin - begin, run.end - run.begin)));
            if (order_.yield) RETURN_IF_ERROR(order_.yield(run.end - run.begin));
        }
        return {};
    }

    /// Bytes [from, to) of the new file into the window that begins at `begin`.
    Status fill(std::uint64_t begin, std::uint64_t from, std::uint64_t to) {
        const std::uint64_t removals_offset = order_.entry.records_end();
        const std::uint64_t copied_to = std::min(to, removals_offset);
        if (from < copied_to) {
            ASSIGN_OR_RETURN(const std::byte* bytes, reader_.read(from, copied_to - from, copied_to - from));
            std::copy_n(bytes, copied_to - from, window_.data() + (from - begin));
        }
        from = std::max(from, removals_offset);
        if (from < to)
            std::copy_n(table_.data() + (from - removals_offset), to - from, window_.data() + (from - begin));
        return {};
    }

    /// Removed records share blocks with others.
    void clear_removed(std::uint64_t begin, std::uint64_t end) {
        auto stub = std::partition_point(plan_.stubs.begin(), plan_.stubs.end(),
                                         [&](const RemovedRecord& at) { return at.end_offset() <= begin; });
        for (; stub != plan_.stubs.end() && stub->offset() < end; ++stub) {
            const std::uint64_t from = std::max(stub->offset(), begin);
            const std::uint64_t to = std::min(stub->end_offset(), end);
            std::memset(window_.data() + (from - begin), 0, to - from);
        }
    }

    Status fill_header() {
        auto header = base::load<SegmentHeader>(window_.data());
        if (header.number != order_.entry.number || header.salt != order_.entry.salt)
            return base::fail(ErrorCode::kCorrupt, name_ + ": the segment header is of another segment");
        header.file_size = end_;
        header.revision = order_.revision;
        header.removals_offset = order_.entry.records_end();
        const std::vector<std::byte> block = encode_segment_header(header);
        std::copy(block.begin(), block.end(), window_.data());
        return {};
    }

    /// From the disk, past what is cached: later the file is all there is.
    Result<base::Sha256Digest> read_back() {
        base::Sha256 sha;
        for (std::uint64_t at = 0; at < end_; at += kWindowSize) {
            const auto bytes = window_.span(0, std::min<std::uint64_t>(kWindowSize, end_ - at));
            ASSIGN_OR_RETURN(const std::size_t got, file_->read_disk_at(at, bytes));
            const std::vector<std::uint32_t> crcs = cache::block_crcs_of(bytes.first(got));
            if (got != bytes.size() || !std::equal(crcs.begin(), crcs.end(),
                                                   crcs_.begin() + static_cast<std::ptrdiff_t>(at / kImageBlockSize)))
                return base::fail(ErrorCode::kIo, name_ + ": the disk does not keep what is written");
            sha.update(bytes);
            if (order_.yield) RETURN_IF_ERROR(order_.yield(0));
        }
        return sha.finish();
    }

    io::Environment env_;
    const RewriteOrder& order_;
    CheckedReader& reader_;
    const Plan& plan_;
    const std::string directory_, name_;
    io::AlignedBuffer window_;
    std::vector<std::byte> table_;
    std::uint64_t end_ = 0;
    std::unique_ptr<io::File> file_;
    std::string unfinished_;  // a file that goes unless all is well
    std::vector<std::uint32_t> crcs_;
};

}  // namespace

Result<std::optional<RewrittenSegment>> rewrite_segment(io::Environment env, const std::string& log_directory,
                                                        const RewriteOrder& order) {
    const SegmentEntry& entry = order.entry;
    ASSERT(entry.state == SegmentState::kSealed && order.revision > entry.revision);
    const bool can_be_rewritten = entry.records_end() % io::kBlockSize == 0 &&
                                  entry.records_end() > kSegmentHeaderSize && order.revision <= kRevisionMax;
    if (!can_be_rewritten) return std::optional<RewrittenSegment>();
    const std::string name = "log/" + segment_file_name({entry.number, entry.revision});
    CheckedReader reader(order, name);
    Planner planner(order, reader, name);
    ASSIGN_OR_RETURN(const Plan plan, planner.plan());
    if (plan.removed_events == 0) return std::optional<RewrittenSegment>();
    const auto kept_blocks =
        static_cast<std::uint64_t>(std::count(plan.kept_blocks.begin(), plan.kept_blocks.end(), true));
    const std::uint64_t before = planner.old_kept_blocks() * io::kBlockSize + planner.old_table_size();
    const std::uint64_t after = kept_blocks * io::kBlockSize + removals_size(plan.stubs.size());
    if (before < after + std::max<std::uint64_t>(order.gain_min_bytes, io::kBlockSize))
        return std::optional<RewrittenSegment>();
    ASSIGN_OR_RETURN(RewrittenSegment rewritten, Writer(env, log_directory, order, reader, plan).write());
    return std::optional(std::move(rewritten));
}

}  // namespace chronos::wal
