// Looking things up in an index file. Opening one: index_file_open.cc.
#include "index/index_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/assert.h"
#include "base/result.h"
#include "index/index_file_parts.h"

namespace chronos::index {
namespace {

using Parts = IndexFile::Parts;

constexpr std::size_t kPieceSize = std::size_t{1} << 20;
/// Many files are walked side by side.
constexpr std::size_t kWalkPieceSize = std::size_t{128} << 10;
constexpr int kInterpolationsMax = 8;

/// The first index of [0, count) whose value is not below `value`, when values ascend; some index
/// when they do not. Interpolates between `least` and `greatest`, as values are spread evenly;
/// halves when that does not get on.
///
/// Requires: least <= value <= greatest.
template <typename ReadValue>
Status lower_bound(std::uint64_t count, std::uint64_t value, std::uint64_t least, std::uint64_t greatest,
                   ReadValue&& read_value, std::uint64_t& index) {
    std::uint64_t low = 0;
    std::uint64_t high = count;
    for (int step = 0; low < high; ++step) {
        std::uint64_t guess = low + (high - low) / 2;
        if (step < kInterpolationsMax && greatest > least) {
            const double share = static_cast<double>(value - least) / static_cast<double>(greatest - least);
            guess = low + std::min(high - low - 1, static_cast<std::uint64_t>(share * static_cast<double>(high - low)));
        }
        std::uint64_t there = 0;
        RETURN_IF_ERROR(read_value(guess, there));
        if (there < value) {
            low = guess + 1;
            least = there;
        } else {
            high = guess;
            greatest = there;
        }
    }
    index = low;
    return {};
}

/// The first entry of a section sorted by hash, its first field, whose hash is not below `hash`.
Status find_hash(BodyPin& pin, const Section& section, std::uint64_t hash, std::uint64_t& index) {
    const auto read_hash = [&](std::uint64_t i, std::uint64_t& there) -> Status {
        const std::byte* entry = nullptr;
        RETURN_IF_ERROR(pin.load(section, i, entry));
        there = base::load<std::uint64_t>(entry);
        return {};
    };
    return lower_bound(section.count, hash, 0, ~std::uint64_t{0}, read_hash, index);
}

Status has_key(const Parts& parts, BodyPin& pin, const Section& key_bytes, const StoredKey& entry, std::string_view key,
               bool& is_equal) {
    is_equal = false;
    if (entry.key_size() != key.size()) return {};
    const std::uint64_t offset = key_bytes.at(entry.key_offset());
    RETURN_IF_ERROR(pin.load(offset, offset + key.size()));
    is_equal = std::memcmp(parts.image->data() + offset, key.data(), key.size()) == 0;
    return {};
}

/// Up to seqs.size() seqs of entries from `index` on whose hash is `hash`; `index` and `found` tell
/// how far it came.
template <std::size_t kCount>
Status next_ids(const Parts& parts, const Section& section, std::uint64_t hash, std::uint64_t& index,
                std::array<std::uint64_t, kCount>& seqs, std::size_t& found) {
    BodyPin pin(parts);
    for (found = 0; found < kCount && index < section.count; ++index) {
        const std::byte* entry = nullptr;
        RETURN_IF_ERROR(pin.load(section, index, entry));
        if (base::load<std::uint64_t>(entry) != hash) break;
        const auto delta = base::load<std::uint32_t>(entry + sizeof(hash));
        if (delta >= parts.footer.event_count()) return parts.corrupt("has the id of an event that is not in it");
        seqs[found++] = parts.footer.begin_seq + delta;
    }
    return {};
}

Status for_each_entry(const Parts& parts, const Section& section, const IdFilter& filter, std::uint64_t hash,
                      const std::function<bool(std::uint64_t)>& visit) {
    if (!filter.may_hold(hash)) return {};
    std::uint64_t index = 0;
    {
        BodyPin pin(parts);
        RETURN_IF_ERROR(find_hash(pin, section, hash, index));
    }
    std::array<std::uint64_t, 8> seqs{};
    std::size_t found = seqs.size();
    while (found == seqs.size()) {
        RETURN_IF_ERROR(next_ids(parts, section, hash, index, seqs, found));
        for (std::size_t i = 0; i < found; ++i)
            if (visit(seqs[i])) return {};
    }
    return {};
}

std::optional<std::uint32_t> parse_number(std::string_view text) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

std::string index_file_name(const IndexFileName& name) {
    std::array<char, 48> text{};
    const int size = std::snprintf(text.data(), text.size(), "%06u-%06u", name.first_segment, name.last_segment);
    std::string result(text.data(), static_cast<std::size_t>(size));
    if (name.revision > 0) result += "-" + std::to_string(name.revision);
    return result + ".idx";
}

std::optional<IndexFileName> parse_index_file_name(std::string_view name) {
    constexpr std::string_view kSuffix = ".idx";
    if (!name.ends_with(kSuffix)) return std::nullopt;
    std::string_view rest = name.substr(0, name.size() - kSuffix.size());
    std::array<std::optional<std::uint32_t>, 3> numbers;
    for (std::size_t i = 0; i < numbers.size() && !rest.empty(); ++i) {
        const std::size_t dash = rest.find('-');
        numbers.at(i) = parse_number(rest.substr(0, dash));
        rest = dash == std::string_view::npos ? std::string_view() : rest.substr(dash + 1);
    }
    if (!numbers[0] || !numbers[1]) return std::nullopt;
    const IndexFileName parsed{*numbers[0], *numbers[1], numbers[2].value_or(0)};
    // Only what index_file_name makes, so that a name is never taken for that of another file.
    return index_file_name(parsed) == name ? std::optional(parsed) : std::nullopt;
}

IndexFile::IndexFile(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
IndexFile::~IndexFile() = default;

std::uint64_t IndexFile::begin_seq() const { return parts_->footer.begin_seq; }
std::uint64_t IndexFile::end_seq() const { return parts_->footer.end_seq; }
const std::vector<IndexedSegment>& IndexFile::segments() const { return parts_->segments; }
const std::vector<IndexedRun>& IndexFile::runs() const { return parts_->runs; }
const std::vector<TimeStripe>& IndexFile::stripes() const { return parts_->stripes; }
const std::string& IndexFile::path() const { return parts_->path; }
std::uint64_t IndexFile::file_size() const { return parts_->footer.file_size; }
std::uint64_t IndexFile::key_count(KeyKind kind) const { return parts_->dictionary(kind).keys.count; }
bool IndexFile::is_damaged() const { return parts_->is_damaged.load(std::memory_order_relaxed); }
Status IndexFile::keep_open() { return parts_->file->keep_open(); }
std::uint64_t IndexFile::resident_bytes() const {
    return parts_->layout.file_size - parts_->layout.body_size + sizeof(Parts);
}

std::span<const std::uint32_t> IndexFile::block_crcs(std::size_t i) const {
    const std::uint64_t begin = parts_->segments[i].first_block_crc;
    const std::uint64_t end =
        i + 1 < parts_->segments.size() ? parts_->segments[i + 1].first_block_crc : parts_->log_crcs.size();
    return std::span(parts_->log_crcs).subspan(begin, end - begin);
}

std::size_t IndexFile::segment_of(std::uint64_t seq) const {
    ASSERT(seq >= begin_seq() && seq < end_seq());
    const auto behind =
        std::upper_bound(parts_->segments.begin(), parts_->segments.end(), seq,
                         [](std::uint64_t s, const IndexedSegment& segment) { return s < segment.first_seq; });
    return static_cast<std::size_t>(behind - parts_->segments.begin()) - 1;
}

Status IndexFile::locate(std::span<const std::uint64_t> seqs, std::uint32_t* offsets, std::uint32_t* places,
                         Access access) const {
    const Parts& parts = *parts_;
    BodyPin pin(parts, access);
    // First all are asked for, then all are read: the misses of the processor's cache overlap.
    for (const std::uint64_t seq : seqs) {
        ASSERT(seq >= begin_seq() && seq < end_seq());
        for (const Section* section : {&parts.layout.offsets, &parts.layout.places}) {
            const std::byte* entry = nullptr;
            RETURN_IF_ERROR(pin.load(*section, seq - begin_seq(), entry));
            __builtin_prefetch(entry);
        }
    }
    const std::byte* data = parts.image->data();
    for (std::size_t i = 0; i < seqs.size(); ++i) {
        offsets[i] = base::load<std::uint32_t>(data + parts.layout.offsets.at(seqs[i] - begin_seq()));
        places[i] = base::load<std::uint32_t>(data + parts.layout.places.at(seqs[i] - begin_seq()));
    }
    return {};
}

Result<std::optional<FileList>> IndexFile::find(KeyKind kind, std::uint64_t hash, event::BranchNumber branch,
                                                std::string_view key, Access access) const {
    const Parts& parts = *parts_;
    const IndexLayout::Dictionary& sections = parts.dictionary(kind);
    BodyPin pin(parts, access);
    std::uint64_t index = 0;
    RETURN_IF_ERROR(find_hash(pin, sections.keys, hash, index));
    for (; index < sections.keys.count; ++index) {
        const std::byte* entry = nullptr;
        RETURN_IF_ERROR(pin.load(sections.keys, index, entry));
        if (base::load<std::uint64_t>(entry) != hash) break;
        KeyRecord record;
        RETURN_IF_ERROR(decode_key(parts, kind, entry, record));
        if (record.key.branch != branch) continue;
        bool is_equal = false;
        RETURN_IF_ERROR(has_key(parts, pin, sections.key_bytes, record.key, key, is_equal));
        if (is_equal) return std::optional(record.list(parts.footer.begin_seq));
    }
    return std::optional<FileList>();
}

Status IndexFile::read(KeyKind kind, const FileList& list, std::uint32_t first, std::span<std::uint64_t> seqs,
                       Access access) const {
    const Parts& parts = *parts_;
    const Section& postings = parts.dictionary(kind).postings;
    ASSERT(first <= list.count && seqs.size() <= list.count - first);
    ASSERT(list.first_posting <= postings.count && list.count <= postings.count - list.first_posting);

    // The ends of a list are known; for one or two events no block is needed.
    const auto is_end = [&](std::size_t i) { return i == 0 || i + 1 == list.count; };
    if (seqs.size() <= 2 && (seqs.empty() || (is_end(first) && is_end(first + seqs.size() - 1)))) {
        for (std::size_t i = 0; i < seqs.size(); ++i) seqs[i] = first + i == 0 ? list.first_seq : list.last_seq;
        return {};
    }

    constexpr std::size_t kPostingsPerPiece = kPieceSize / sizeof(std::uint32_t);
    for (std::uint64_t at = list.first_posting + first; !seqs.empty();) {
        const std::size_t count = std::min(seqs.size(), kPostingsPerPiece);
        BodyPin pin(parts, access);
        RETURN_IF_ERROR(pin.load(postings.at(at), postings.at(at + count)));
        const std::byte* from = parts.image->data() + postings.at(at);
        for (std::size_t i = 0; i < count; ++i) {
            const auto delta = base::load<std::uint32_t>(from + i * sizeof(std::uint32_t));
            if (delta >= parts.footer.event_count()) return parts.corrupt("has a list of events that are not in it");
            seqs[i] = begin_seq() + delta;
        }
        seqs = seqs.subspan(count);
        at += count;
    }
    return {};
}

Result<std::uint32_t> IndexFile::count_below(KeyKind kind, const FileList& list, std::uint64_t end_seq,
                                             Access access) const {
    const Parts& parts = *parts_;
    const Section& postings = parts.dictionary(kind).postings;
    ASSERT(list.first_posting <= postings.count && list.count <= postings.count - list.first_posting);
    if (end_seq <= list.first_seq) return std::uint32_t{0};
    if (end_seq > list.last_seq) return list.count;

    BodyPin pin(parts, access);
    const auto read_delta = [&](std::uint64_t i, std::uint64_t& delta) -> Status {
        const std::byte* entry = nullptr;
        RETURN_IF_ERROR(pin.load(postings, list.first_posting + i, entry));
        delta = base::load<std::uint32_t>(entry);
        return {};
    };
    std::uint64_t count = 0;
    RETURN_IF_ERROR(lower_bound(list.count, end_seq - begin_seq(), list.first_seq - begin_seq(),
                                list.last_seq - begin_seq(), read_delta, count));
    return static_cast<std::uint32_t>(count);
}

namespace {

IndexFile::KeyEntry entry_at(const KeyCursor& cursor, std::uint64_t begin_seq) {
    const KeyRecord& record = cursor.record();
    return {.hash = record.key.hash,
            .key = cursor.key(),
            .branch = record.key.branch,
            .stream_first_seq = record.stream.first_seq,
            .list = record.list(begin_seq)};
}

}  // namespace

Status IndexFile::for_each_key(KeyKind kind, const std::function<bool(const KeyEntry&)>& visit) const {
    KeyCursor cursor(*parts_, kind, kPieceSize);
    RETURN_IF_ERROR(cursor.next());
    while (!cursor.done()) {
        if (!visit(entry_at(cursor, begin_seq()))) return {};
        RETURN_IF_ERROR(cursor.next());
    }
    return {};
}

KeyWalk::KeyWalk(const IndexFile& file, KeyKind kind) : file_(&file), kind_(kind) {}
KeyWalk::~KeyWalk() = default;
KeyWalk::KeyWalk(KeyWalk&&) noexcept = default;

Status KeyWalk::visit_upto(std::uint64_t last_hash, const std::function<Status(const IndexFile::KeyEntry&)>& visit) {
    if (cursor_ == nullptr) {
        cursor_ = std::make_unique<KeyCursor>(file_->parts(), kind_, kWalkPieceSize);
        RETURN_IF_ERROR(cursor_->next());
    }
    while (!cursor_->done() && cursor_->record().key.hash <= last_hash) {
        RETURN_IF_ERROR(visit(entry_at(*cursor_, file_->begin_seq())));
        RETURN_IF_ERROR(cursor_->next());
    }
    return {};
}

Status IndexFile::for_each_id(std::uint64_t hash, const std::function<bool(std::uint64_t seq)>& visit) const {
    return for_each_entry(*parts_, parts_->layout.ids, parts_->id_filter, hash, visit);
}
void IndexFile::prefetch_id(std::uint64_t hash) const { parts_->id_filter.prefetch(hash); }
Status IndexFile::for_each_batch(std::uint64_t hash, const std::function<bool(std::uint64_t seq)>& visit) const {
    return for_each_entry(*parts_, parts_->layout.batches, parts_->batch_filter, hash, visit);
}

Status IndexFile::verify(const std::function<Status()>& yield) const {
    const std::uint64_t size = parts_->layout.body_size;
    io::AlignedBuffer piece(std::min<std::uint64_t>(size, kPieceSize));
    for (std::uint64_t at = 0; at < size; at += kPieceSize) {
        RETURN_IF_ERROR(parts_->read_blocks(at, piece.span(0, std::min<std::uint64_t>(size - at, kPieceSize))));
        if (yield && at / kPieceSize % 4 == 3) RETURN_IF_ERROR(yield());
    }
    return {};
}

}  // namespace chronos::index
