// A store whose files were changed: opening answers an error, or a store that reads, appends and
// opens again.
//
//     input: flags 1 | patches {file 1, offset 2, size 1, bytes}
//
// The patches change the files of a small store, in the order of their names; so an input is short,
// and bytes of a file are reached at once. Flags: 1 records are sealed anew, 2 their chain too,
// 4 manifest and segment headers get their checksums, 8 segment headers and file sizes say what the
// manifest says, 16 the store was killed instead of closed, 32 the damaged store is verified and
// salvaged, 64 a segment that the manifest does not list is there, 128 the store that opens is
// appended to, closed and opened again.
#include <algorithm>
#include <vector>

#include "base/checksum.h"
#include "embedded/engine.h"
#include "fuzz/fuzz.h"
#include "simulation/session.h"
#include "store/database_folder.h"
#include "store/offline.h"
#include "wal/manifest.h"
#include "wal/segment.h"

namespace chronos::fuzz {
namespace {

enum Flag : std::uint8_t {
    kSealRecords = 1,
    kChainRecords = 2,
    kRepairHeaders = 4,
    kFollowManifest = 8,
    kKilled = 16,
    kSalvage = 32,
    kUnlistedSegment = 64,
    kGoOn = 128,
};

using Bytes = std::vector<std::byte>;
using Files = std::map<std::string, Bytes>;

/// Files are not made larger than this.
constexpr std::uint64_t kFileSizeMax = std::uint64_t{256} << 10;

store::DatabaseOptions options() { return testing::small_options(16 << 10, 16 << 10); }

// --- the store that is changed -------------------------------------------------------------------

testing::SentBatch batch_of(int number) {
    testing::SentBatch batch;
    for (int i = 0; i <= number % 3; ++i)
        batch.events.push_back({.entity_id = "order:" + std::to_string(number % 2),
                                .event_type = "order.changed",
                                .payload = "{\"n\":" + std::to_string(number) + "}",
                                .metadata = number % 2 == 0 ? "{\"actor\":\"ada\"}" : "",
                                .tags = {"customer:7", "web"}});
    if (number == 2) batch.events.front().id = Uuid{};
    if (number == 3) batch.events.front().occurred_at = Timestamp{7};
    if (number == 4) batch.events.front().payload = "\"" + std::string(5'000, 'x') + "\"";
    return batch;
}

Files make_store(bool is_killed) {
    testing::Session session(1, options());
    const auto must = [](const std::string& wrong) { FUZZ_CHECK(wrong.empty(), wrong); };
    must(session.open());
    for (int number = 0; number < 7; ++number) {
        must(session.append(batch_of(number)));
        if (number == 3) must(session.close_and_open());
        if (number == 5) FUZZ_CHECK(session.database->maintain().ok(), "");
    }
    if (is_killed) {
        for (int number = 7; number < 9; ++number) must(session.submit(batch_of(number)));
        must(session.settle());
        session.sim.files.fail_every(io::FaultKind::kEio, 1.0);
        session.drop();
    } else {
        must(session.close());
    }
    Files files;
    for (const std::string& path : session.sim.files.all_files())
        if (path.ends_with("/MANIFEST") || path.ends_with(".log"))
            files[path] = std::move(session.sim.files.file_contents(path)).value();
    return files;
}

// --- changing it ---------------------------------------------------------------------------------

void apply_patches(base::ByteReader input, Files& files) {
    while (input.ok() && input.left() > 0) {
        Bytes& file = std::next(files.begin(), input.number<std::uint8_t>() % static_cast<int>(files.size()))->second;
        const std::size_t offset = input.number<std::uint16_t>();
        const std::size_t size = input.number<std::uint8_t>();
        const auto bytes = input.bytes(std::min<std::size_t>(size, input.left()));
        if (offset + bytes.size() > file.size()) continue;
        std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
    }
}

void repair_manifest(Bytes& file) {
    base::store(file.data() + 16, static_cast<std::uint32_t>(file.size()));
    base::store(file.data() + 12, base::crc32c(std::span<const std::byte>(file).subspan(16)));
}

void repair_segment_header(Bytes& file) {
    const auto covered = std::span<const std::byte>(file).subspan(16, wal::kSegmentHeaderSize - 16);
    base::store(file.data() + offsetof(wal::SegmentHeader, crc), base::crc32c(covered));
}

/// Gives a record the checksums of what is in it, if its sizes can be right. Returns its size, or
/// 0.
std::size_t seal(std::span<std::byte> rest, const wal::SegmentHeader& header, std::uint32_t* chain) {
    auto envelope = base::load<wal::Envelope>(rest.data());
    if (envelope.magic != wal::kRecordMagic) return 0;
    if (chain != nullptr) envelope.previous_crc = *chain;
    const bool has_sizes = envelope.body_size % 8 == 0 && envelope.record_size % wal::kRecordAlignment == 0 &&
                           envelope.record_size <= rest.size() &&
                           wal::record_size_for(envelope.body_size) <= envelope.record_size;
    if (has_sizes) {
        const std::uint32_t crc = wal::seal_record(rest.data(), envelope, {header.number, header.salt});
        if (chain != nullptr) *chain = crc;
        return envelope.record_size;
    }
    std::byte salt[8];
    base::store(salt, header.salt);
    const std::uint32_t crc = base::crc32c(rest.subspan(8, wal::kEnvelopeSize - 8), base::crc32c(salt));
    base::store(rest.data() + offsetof(wal::Envelope, header_crc), crc);
    return 0;
}

void seal_records(Bytes& file, std::uint32_t* chain) {
    const auto header = base::load<wal::SegmentHeader>(file.data());
    for (std::size_t at = wal::kSegmentHeaderSize; at + wal::kEnvelopeSize <= file.size();) {
        const std::size_t size = seal(std::span(file).subspan(at), header, chain);
        at += size > 0 ? size : wal::kRecordAlignment;
    }
}

void follow_entry(const wal::SegmentEntry& entry, const Uuid& database, Bytes& file) {
    if (entry.file_size > kFileSizeMax || entry.file_size < wal::kSegmentHeaderSize) return;
    file.resize(entry.file_size);
    auto header = base::load<wal::SegmentHeader>(file.data());
    header.number = entry.number;
    header.salt = entry.salt;
    header.file_size = entry.file_size;
    header.database = database;
    base::store(file.data(), header);
}

/// Makes what is derived agree with the rest, as far as the flags ask for.
void repair(std::uint8_t flags, Files& files) {
    const auto is_manifest = [](const auto& file) { return file.first.ends_with("/MANIFEST"); };
    const auto found = std::find_if(files.begin(), files.end(), is_manifest);
    Bytes& manifest = found->second;
    const std::string folder = found->first.substr(0, found->first.rfind('/')) + "/log/";
    std::uint32_t chain = 0;
    for (std::size_t at = 96; at + sizeof(wal::SegmentEntry) <= manifest.size(); at += sizeof(wal::SegmentEntry)) {
        auto entry = base::load<wal::SegmentEntry>(manifest.data() + at);
        const auto file = files.find(folder + wal::segment_file_name({entry.number, entry.revision}));
        if (file == files.end()) continue;
        if ((flags & kFollowManifest) != 0) follow_entry(entry, base::load<Uuid>(manifest.data() + 24), file->second);
        if ((flags & kSealRecords) == 0) continue;
        seal_records(file->second, (flags & kChainRecords) != 0 ? &chain : nullptr);
        if ((flags & kChainRecords) != 0) entry.last_crc = chain;
        base::store(manifest.data() + at, entry);
    }
    if ((flags & kRepairHeaders) == 0) return;
    for (auto& [path, file] : files) path == found->first ? repair_manifest(file) : repair_segment_header(file);
}

void put(io::SimFileSystem& disk, const Files& files) {
    for (const auto& [path, bytes] : files) {
        FUZZ_CHECK(store::make_directories(disk, path.substr(0, path.rfind('/'))).ok(), path);
        auto file = disk.open(path, io::OpenMode::kCreate);
        FUZZ_CHECK(file.ok() && (*file)->write_at(0, bytes).ok() && (*file)->sync().ok(), path);
    }
}

// --- using it ------------------------------------------------------------------------------------

void read_event(const View& view, const EventView& event, std::uint64_t position) {
    FUZZ_CHECK(event.position.value == position, "positions have a gap");
    FUZZ_CHECK(!to_json(event).empty(), "");
    Page found;
    FUZZ_CHECK(view.read_event(event.id, found).ok(), "an event is not found by its id");
    if (event.version.value != 1) return;  // each entity once
    (void)view.state(event.entity_id);
    (void)view.history(event.entity_id);
    (void)view.state(event.entity_id, {.order = FoldOrder::kOccurred});
    FUZZ_CHECK(view.read_entity(event.entity_id, {}, found).ok(), "");
}

/// Every way to read; returns the number of events.
std::uint64_t read_everything(const Store& store) {
    const auto view = store.view();
    FUZZ_CHECK(view.ok(), view.error().message);
    std::uint64_t count = 0;
    Page page;
    ReadOptions options{.limit = 7};
    do {
        FUZZ_CHECK(view->read(options, page).ok(), "a page cannot be read");
        for (const EventView& event : page.events()) read_event(*view, event, count++);
        options.cursor = page.next_cursor();
    } while (page.has_more());
    FUZZ_CHECK(view->count({}).value() == count, "counts differ");
    (void)view->count({.tags = {"web"}, .actor = "ada"});
    (void)view->count({.fields = {{.pointer = "/n", .operation = ">", .operand = "3"}}});
    FUZZ_CHECK(view->entities("", "", 100).ok() && view->stats().ok(), "");
    return count;
}

Store store_of(std::unique_ptr<store::Database> database) {
    auto impl = std::make_unique<Store::Impl>();
    impl->engine = std::make_shared<Engine>(std::move(database));
    return Store(std::move(impl));
}

/// A store that opens takes further events and opens again with them.
void go_on(io::SimEnvironment& sim, Store store, std::uint64_t count) {
    const auto answer = store.append({.entity_id = "order:1", .event_type = "order.changed"});
    if (!answer.ok()) FUZZ_CHECK(answer.error().outcome == Outcome::kNotAppended, answer.error().message);
    if (answer.ok()) ++count;
    FUZZ_CHECK(read_everything(store) == count, "another number of events");
    FUZZ_CHECK(store.close().ok(), "does not close");
    auto again = store::Database::open(sim.environment(), testing::kStoreDirectory, false, options());
    FUZZ_CHECK(again.ok(), "does not open again: " + again.error().message);
    FUZZ_CHECK(read_everything(store_of(std::move(again).value())) == count, "opened again, with other events");
}

void salvage(io::SimFileSystem& files) {
    io::SimEnvironment sim(2);
    const io::Environment env{.files = files, .clock = sim.clock, .random = sim.random};
    (void)store::verify(env, testing::kStoreDirectory, {});
    if (!store::salvage(env, testing::kStoreDirectory, "/copy").ok()) return;
    auto copy = store::Database::open(env, "/copy", false, {.with_threads = false});
    FUZZ_CHECK(copy.ok(), "what was salvaged does not open: " + copy.error().message);
    (void)read_everything(store_of(std::move(copy).value()));
}

// --- seeds ---------------------------------------------------------------------------------------

template <typename T>
std::string patch(std::uint8_t file, std::size_t offset, T value) {
    return bytes_of(file) + bytes_of(static_cast<std::uint16_t>(offset)) +
           bytes_of(static_cast<std::uint8_t>(sizeof(T))) + bytes_of(value);
}

}  // namespace

Seeds seeds() {
    constexpr int kAll = kSealRecords | kChainRecords | kRepairHeaders | kFollowManifest;
    const auto seed = [](int flags, const std::string& patches) { return static_cast<char>(flags) + patches; };
    constexpr std::size_t kRecord = 4096;
    constexpr std::size_t kBody = kRecord + wal::kEnvelopeSize;
    const std::string count = patch<std::uint32_t>(1, kBody + offsetof(event::BodyHeader, event_count), 2);
    return {{"closed", seed(kGoOn, "")},
            {"killed", seed(kKilled | kGoOn, "")},
            {"sealed_anew", seed(kAll | kGoOn, "")},
            {"killed_sealed_anew", seed(kAll | kKilled, "")},
            {"salvaged", seed(kSalvage, patch<std::uint8_t>(1, 8192 + 300, 0))},
            {"unlisted", seed(kAll | kUnlistedSegment, "")},
            {"body_event_count", seed(kAll, count)},
            {"kind", seed(kAll, patch<std::uint8_t>(1, kRecord + offsetof(wal::Envelope, kind), 2))},
            {"record_size", seed(kAll, patch<std::uint32_t>(1, kRecord + offsetof(wal::Envelope, record_size), 8192))},
            {"durable_upto",
             seed(kAll | kKilled, patch<std::uint64_t>(1, kRecord + offsetof(wal::Envelope, durable_upto), 99))},
            {"manifest_end_offset",
             seed(kAll, patch<std::uint64_t>(0, 96 + offsetof(wal::SegmentEntry, end_offset), 8192))},
            {"manifest_file_size",
             seed(kAll, patch<std::uint64_t>(0, 96 + offsetof(wal::SegmentEntry, file_size), 65536))}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronos;
    static const fuzz::Files kClosedStore = fuzz::make_store(false);
    static const fuzz::Files kKilledStore = fuzz::make_store(true);
    base::ByteReader input(fuzz::input_bytes(data, size));
    const auto flags = input.number<std::uint8_t>();
    fuzz::Files files = (flags & fuzz::kKilled) != 0 ? kKilledStore : kClosedStore;
    if ((flags & fuzz::kUnlistedSegment) != 0) {
        const auto first =
            std::find_if(files.begin(), files.end(), [](const auto& file) { return file.first.ends_with(".log"); });
        files[first->first.substr(0, first->first.rfind('/')) + "/000777.log"] = first->second;
    }
    fuzz::apply_patches(input, files);
    fuzz::repair(flags, files);

    io::SimEnvironment sim(1);
    fuzz::put(sim.files, files);
    const auto untouched = sim.files.clone();
    auto opened = store::Database::open(sim.environment(), testing::kStoreDirectory, false, fuzz::options());
    if (opened.ok()) {
        Store store = fuzz::store_of(std::move(opened).value());
        const std::uint64_t count = fuzz::read_everything(store);
        if ((flags & fuzz::kGoOn) != 0) fuzz::go_on(sim, std::move(store), count);
    }
    if ((flags & fuzz::kSalvage) != 0) fuzz::salvage(*untouched);
    return 0;
}
