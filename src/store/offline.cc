#include "store/offline.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"
#include "event/batch_content.h"
#include "event/body.h"
#include "index/index_file.h"
#include "store/database_folder.h"
#include "wal/log.h"
#include "wal/manifest.h"
#include "wal/removals.h"
#include "wal/segment.h"

namespace chronos::store {
namespace {

constexpr std::uint64_t kCacheBytes = std::uint64_t{64} << 20;
constexpr std::size_t kIndexFilesOpenMax = 16;

struct ClosedStore {
    std::unique_ptr<io::FileLock> lock;
    std::string folder;
};

Result<ClosedStore> open_closed(io::Environment& env, const std::string& directory) {
    ASSIGN_OR_RETURN(const bool exists, env.files.exists(directory));
    if (!exists) return base::fail(ErrorCode::kNotFound, "there is no store at " + directory);
    ClosedStore store;
    ASSIGN_OR_RETURN(store.folder, find_database(env.files, directory));
    if (store.folder.empty()) return base::fail(ErrorCode::kNotFound, directory + " holds no store");
    auto lock = env.files.lock(directory + "/LOCK");
    if (lock.ok()) {
        store.lock = std::move(lock).value();
    } else if (lock.error().code == ErrorCode::kLocked) {
        return std::move(lock).error();
    }  // Else it cannot be written to: what is only read needs no lock.
    return store;
}

wal::Damage whole_file(std::string file, std::string what) {
    return {.file = std::move(file),
            .offset = 0,
            .first_position = {},
            .end_position = {},
            .first_seq = 0,
            .end_seq = {},
            .what = std::move(what)};
}

Status check_sha256(wal::ScannedSegment& segment, std::vector<wal::Damage>& damages) {
    if (segment.file == nullptr || (segment.entry.flags & wal::SegmentEntry::kHasSha256) == 0) return {};
    base::Sha256 sha;
    std::vector<std::byte> piece(std::size_t{1} << 20);
    for (std::uint64_t at = 0; at < segment.entry.end_offset;) {
        const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), segment.entry.end_offset - at));
        ASSIGN_OR_RETURN(const std::size_t got, segment.file->read_at(at, part));
        if (got == 0) break;
        sha.update(part.first(got));
        at += got;
    }
    if (sha.finish() != segment.entry.sha256)
        damages.push_back(whole_file(segment.name, "the file does not match the SHA-256 in the manifest"));
    return {};
}

/// The seq of a segment's first record, or that of the first stub; the highest there is if neither can be read.
Result<std::uint64_t> first_seq_in(io::File& file, const wal::SegmentHeader& header) {
    const wal::SegmentIdentity identity{header.number, header.salt};
    std::uint64_t first_seq = ~std::uint64_t{0};
    std::vector<std::byte> first(wal::kEnvelopeSize);
    ASSIGN_OR_RETURN(const std::size_t got, file.read_at(wal::kSegmentHeaderSize, first));
    wal::Envelope envelope;
    const bool has_record = got == first.size() && wal::check_envelope(first, wal::kSegmentHeaderSize, identity,
                                                                       envelope) == wal::RecordCheck::kValid;
    if (has_record) first_seq = envelope.first_seq;
    ASSIGN_OR_RETURN(const std::uint64_t size, file.size());
    if (has_record || header.revision == 0 || header.removals_offset >= size) return first_seq;
    std::vector<std::byte> table(size - header.removals_offset);
    ASSIGN_OR_RETURN(const std::size_t table_size, file.read_at(header.removals_offset, table));
    table.resize(table_size);
    const auto stubs = wal::decode_removals(table, header.removals_offset, identity);
    return stubs.ok() ? stubs->front().first_seq : first_seq;
}

/// A manifest made from the segments' own headers, in the order of their first records.
Result<wal::Manifest> rebuild_manifest(io::FileSystem& files, const std::string& folder) {
    struct Found {
        wal::SegmentEntry entry;
        std::uint64_t first_seq;
    };
    std::vector<Found> found;
    wal::Manifest manifest;
    manifest.writer_epoch = ~std::uint32_t{0};
    ASSIGN_OR_RETURN(manifest.database, Uuid::parse(std::string_view(folder).substr(folder.rfind('/') + 1)));
    ASSIGN_OR_RETURN(const auto entries, files.list(folder + "/log"));
    for (const io::DirectoryEntry& entry : entries) {
        if (entry.is_directory || !entry.name.ends_with(".log")) continue;
        ASSIGN_OR_RETURN(auto file, files.open(folder + "/log/" + entry.name, io::OpenMode::kRead));
        const auto header = wal::read_segment_header(*file, entry.name);
        const bool has_place_for_stubs = header.ok() && header->removals_offset % io::kBlockSize == 0 &&
                                         header->removals_offset > wal::kSegmentHeaderSize &&
                                         header->removals_offset < header->file_size;
        if (!header.ok() || (header->revision > 0 && !has_place_for_stubs)) continue;
        Found segment{.entry = {}, .first_seq = ~std::uint64_t{0}};
        segment.entry.number = header->number;
        segment.entry.salt = header->salt;
        segment.entry.file_size = header->file_size;
        segment.entry.revision = header->revision;
        segment.entry.removals_block = static_cast<std::uint32_t>(header->removals_offset / io::kBlockSize);
        ASSIGN_OR_RETURN(segment.first_seq, first_seq_in(*file, *header));
        // A crash may have left two files of a segment; the one that was not rewritten holds more.
        const auto same = std::find_if(found.begin(), found.end(),
                                       [&](const Found& other) { return other.entry.number == segment.entry.number; });
        if (same == found.end()) {
            found.push_back(segment);
        } else if (segment.entry.revision < same->entry.revision) {
            *same = segment;
        }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Found& a, const Found& b) { return a.first_seq < b.first_seq; });
    for (const Found& segment : found) manifest.segments.push_back(segment.entry);
    return manifest;
}

using OnBody = std::function<Status(std::span<const std::byte>)>;

/// The index files of a closed store beside what the log says.
class IndexCheck {
public:
    IndexCheck(io::Environment& env, const std::string& folder, const Uuid& database, std::vector<wal::Damage>& damages)
        : damages_(damages) {
        cache_.open_files().set_count_max(kIndexFilesOpenMax);
        const std::string directory = folder + "/index";
        const auto entries = env.files.list(directory);
        if (!entries.ok()) return;
        for (const io::DirectoryEntry& entry : *entries) {
            if (entry.is_directory || !index::parse_index_file_name(entry.name)) continue;
            auto file = index::IndexFile::open(env.files, cache_, directory + "/" + entry.name, database);
            if (!file.ok()) {
                report(entry.name, file.error().message);
                continue;
            }
            files_.push_back({entry.name, std::move(file).value()});
            if (Status verified = files_.back().file->verify(); !verified.ok()) {
                report(entry.name, verified.error().message);
                files_.pop_back();
            }
        }
    }

    /// Whether the files find the events of a batch where they are.
    void look_at(const wal::ScannedSegment& segment, std::uint64_t first_seq, std::uint64_t body_offset,
                 const event::BodyView& body) {
        for (Checked& checked : files_) {
            const index::IndexFile& file = *checked.file;
            if (checked.is_wrong || !is_of(file, segment, first_seq)) continue;
            std::uint64_t seq = first_seq;
            std::uint64_t offset = body_offset + static_cast<std::uint64_t>(body.first_event() - body_start(body));
            body.for_each_event([&](const event::EventBytes& event) {
                std::uint32_t found = 0;
                std::uint32_t place = 0;
                const bool is_right = !checked.is_wrong && seq < file.end_seq() &&
                                      file.locate({&seq, 1}, &found, &place).ok() &&
                                      std::uint64_t{found} * 8 == offset &&
                                      file.segments()[file.segment_of(seq)].number == segment.entry.number;
                if (!is_right && !checked.is_wrong) {
                    checked.is_wrong = true;
                    report(checked.name, "does not find event " + std::to_string(seq) + " where the log has it");
                }
                ++seq;
                offset += event.header().size;
            });
        }
    }

    /// Whether the files know that a record's events are gone, and where its stub is.
    void look_at_removed(const wal::ScannedSegment& segment, const wal::ScannedRecord& record) {
        const std::uint64_t stub = wal::stub_offset(segment, record);
        const std::uint64_t end_seq = record.envelope.first_seq + record.envelope.event_count;
        for (Checked& checked : files_) {
            const index::IndexFile& file = *checked.file;
            if (!is_of(file, segment, record.envelope.first_seq)) continue;
            for (std::uint64_t seq = record.envelope.first_seq; seq < end_seq && !checked.is_wrong; ++seq) {
                std::uint32_t found = 0;
                std::uint32_t place = 0;
                checked.is_wrong = seq >= file.end_seq() || !file.locate({&seq, 1}, &found, &place).ok() ||
                                   found != (index::kRemovedMark | stub / 8);
                if (checked.is_wrong)
                    report(checked.name, "does not know that event " + std::to_string(seq) + " was removed");
            }
        }
    }

private:
    struct Checked {
        std::string name;
        std::shared_ptr<index::IndexFile> file;
        bool is_wrong = false;
    };
    /// Whether the file speaks of the segment as it is. One that was left over of another revision is not used.
    static bool is_of(const index::IndexFile& file, const wal::ScannedSegment& segment, std::uint64_t seq) {
        if (seq < file.begin_seq() || seq >= file.end_seq()) return false;
        return std::all_of(file.segments().begin(), file.segments().end(), [&](const index::IndexedSegment& indexed) {
            return indexed.number != segment.entry.number || indexed.revision() == segment.entry.revision;
        });
    }
    static const std::byte* body_start(const event::BodyView& body) {
        return event::EventBytes(body.first_event()).body();
    }
    void report(const std::string& name, const std::string& what) {
        damages_.push_back(whole_file("index/" + name, what + " (nothing is lost: delete it, it is made again)"));
    }

    std::vector<wal::Damage>& damages_;
    cache::ImageCache cache_{kCacheBytes};
    std::vector<Checked> files_;
};

/// Scans the whole log, going on behind damage.
Status scan_all(io::Environment& env, const std::string& folder, const wal::Manifest& manifest, OfflineReport& report,
                const OnBody& on_body, const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    wal::Scanner scanner(env.files, folder + "/log", manifest,
                         {.continue_after_damage = true, .release_images = true, .read_only = true});
    const auto on_damage = [&](const wal::Damage& damage) { report.damages.push_back(damage); };
    RETURN_IF_ERROR(scanner.open_segments(on_damage));
    std::optional<IndexCheck> indexes;
    if (!on_body) indexes.emplace(env, folder, manifest.database, report.damages);
    std::uint64_t next_seq = 0;
    const auto on_record = [&](const wal::ScannedRecord& record, const wal::ScannedSegment& segment) -> Status {
        report.lost_event_count += record.envelope.first_seq - next_seq;
        next_seq = record.envelope.first_seq + record.envelope.event_count;
        ++report.record_count;
        if (record.is_removed()) {
            report.removed_event_count += record.envelope.event_count;
            if (indexes) indexes->look_at_removed(segment, record);
            return {};
        }
        if (record.envelope.kind != wal::RecordKind::kBatch) return {};
        const auto body = segment.image.span(record.offset + wal::kEnvelopeSize, record.envelope.body_size);
        if (event::BodyView(body.data()).header().branch == event::kMainBranch)
            report.event_count += record.envelope.event_count;
        if (indexes)
            indexes->look_at(segment, record.envelope.first_seq, record.offset + wal::kEnvelopeSize,
                             event::BodyView(body.data()));
        return on_body ? on_body(body) : Status();
    };
    RETURN_IF_ERROR(scanner.scan({.on_record = on_record, .on_damage = on_damage, .on_progress = on_progress}));
    for (wal::ScannedSegment& segment : scanner.segments()) {
        ++report.segment_count;
        report.bytes += segment.entry.file_size;
        if (!on_body) RETURN_IF_ERROR(check_sha256(segment, report.damages));
    }
    if (manifest.durable_upto > next_seq) report.lost_event_count += manifest.durable_upto - next_seq;
    return {};
}

/// Writes bodies into a new log, with positions and database of their own.
class Copier {
public:
    static Result<std::unique_ptr<Copier>> create(io::Environment env, const std::string& directory) {
        RETURN_IF_ERROR(make_directories(env.files, directory));
        ASSIGN_OR_RETURN(const auto entries, env.files.list(directory));
        if (!entries.empty())
            return base::fail(ErrorCode::kAlreadyExists,
                              directory + " is not empty; salvage writes into a new directory");
        auto copier = std::make_unique<Copier>();
        copier->database_ = new_uuid(env);
        const std::string folder = directory + "/" + copier->database_.to_string();
        RETURN_IF_ERROR(wal::Log::create(env, folder, copier->database_, {}));
        ASSIGN_OR_RETURN(copier->log_, wal::Log::open(env, folder, {}, copier->cache_, {}));
        return copier;
    }

    Status add(std::span<const std::byte> body) {
        auto header = base::load<event::BodyHeader>(body.data());
        // Where a fork begins is said in seqs, which losses move; so forks and facts about them stay behind.
        const bool is_fork_fact =
            header.branch == event::kSystemBranch && header.event_count > 0 &&
            event::EventBytes(event::BodyView(body.data()).first_event()).type().starts_with("$fork.");
        if (header.branch > event::kSystemBranch || is_fork_fact) {
            fork_event_count_ += header.branch > event::kSystemBranch ? header.event_count : 0;
            return {};
        }
        ASSIGN_OR_RETURN(std::byte* const place, log_->reserve(body.size()));
        std::memcpy(place, body.data(), body.size());
        header.database = database_;
        header.first_position = next_position_[header.branch];
        next_position_[header.branch] += header.event_count;
        last_recorded_at_ = std::max(last_recorded_at_, header.recorded_at);
        base::store(place, header);
        log_->append(next_seq_, header.event_count, body.size());
        next_seq_ += header.event_count;
        if (log_->pending_size() > (std::size_t{8} << 20)) return flush();
        return {};
    }

    /// Says in the new store what was lost.
    Status add_loss(io::Environment& env, std::string payload) {
        BatchBuilder builder;
        builder.add({.entity_id = "$store", .event_type = "$data.lost", .payload = payload});
        std::vector<std::byte>& events = builder.content().events;
        base::store(events.data() + offsetof(event::EventHeader, body_distance),
                    static_cast<std::uint32_t>(event::kBodyHeaderSize / 8));
        event::BodyHeader header;
        header.event_count = 1;
        header.batch_id = event::batch_id_of(new_uuid(env));
        header.recorded_at = last_recorded_at_ + 1;
        header.branch = event::kSystemBranch;
        header.events_size = events.size();
        std::vector<std::byte> body(event::kBodyHeaderSize + events.size());
        base::store(body.data(), header);
        std::memcpy(body.data() + event::kBodyHeaderSize, events.data(), events.size());
        return add(body);
    }

    /// Events of forks that were not copied.
    [[nodiscard]] std::uint64_t fork_event_count() const { return fork_event_count_; }

    Status finish() {
        RETURN_IF_ERROR(flush());
        RETURN_IF_ERROR(log_->append_marker(next_seq_, true));
        RETURN_IF_ERROR(flush());
        return log_->seal_finished();
    }

private:
    Status flush() {
        while (log_->has_pending()) RETURN_IF_ERROR(log_->write(log_->cut(), true));
        if (!log_->has_finished()) return {};
        RETURN_IF_ERROR(log_->seal_finished());
        for (wal::Slot slot = 0; log_->sealed(slot); ++slot) log_->make_evictable(slot);
        cache_.trim();
        return {};
    }

    cache::ImageCache cache_{kCacheBytes};
    std::unique_ptr<wal::Log> log_;
    Uuid database_;
    std::uint64_t next_seq_ = 0;
    std::uint64_t next_position_[2] = {0, 0};
    std::uint64_t fork_event_count_ = 0;
    std::int64_t last_recorded_at_ = 0;
};

}  // namespace

Result<OfflineReport> verify(io::Environment env, const std::string& directory,
                             const std::function<void(std::uint64_t, std::uint64_t)>& on_progress) {
    ASSIGN_OR_RETURN(const ClosedStore store, open_closed(env, directory));
    OfflineReport report;
    auto manifest = wal::read_manifest(env.files, store.folder);
    if (!manifest.ok()) {
        if (manifest.error().code != ErrorCode::kCorrupt && manifest.error().code != ErrorCode::kNotFound)
            return std::move(manifest).error();
        report.damages.push_back(whole_file("MANIFEST", manifest.error().message));
        manifest = rebuild_manifest(env.files, store.folder);
        if (!manifest.ok()) return std::move(manifest).error();
    }
    RETURN_IF_ERROR(scan_all(env, store.folder, *manifest, report, {}, on_progress));
    return report;
}

Result<OfflineReport> salvage(io::Environment env, const std::string& directory, const std::string& target) {
    ASSIGN_OR_RETURN(const ClosedStore store, open_closed(env, directory));
    OfflineReport report;
    auto manifest = wal::read_manifest(env.files, store.folder);
    if (!manifest.ok()) {
        report.damages.push_back(whole_file("MANIFEST", manifest.error().message));
        manifest = rebuild_manifest(env.files, store.folder);
        if (!manifest.ok()) return std::move(manifest).error();
    }
    ASSIGN_OR_RETURN(const auto copier, Copier::create(env, target));
    const auto copy_body = [&](std::span<const std::byte> body) { return copier->add(body); };
    RETURN_IF_ERROR(scan_all(env, store.folder, *manifest, report, copy_body, {}));
    for (const wal::Damage& damage : report.damages) {
        std::string payload =
            R"({"file":")" + damage.file + R"(","offset":)" + std::to_string(damage.offset) + R"(,"first_position":)" +
            (damage.first_position ? std::to_string(*damage.first_position) : "null") + R"(,"end_position":)" +
            (damage.end_position ? std::to_string(*damage.end_position) : "null") + "}";
        RETURN_IF_ERROR(copier->add_loss(env, std::move(payload)));
    }
    report.fork_event_count = copier->fork_event_count();
    RETURN_IF_ERROR(copier->finish());
    return report;
}

}  // namespace chronos::store
