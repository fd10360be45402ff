#include "index/index_file_parts.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::index {

using cache::kImageBlockSize;

Error IndexFile::Parts::corrupt(std::string_view what) const {
    is_damaged.store(true, std::memory_order_relaxed);
    return base::fail(ErrorCode::kCorrupt,
                      path + ": " + std::string(what) + "; delete the file, it is written anew from the log");
}

Status IndexFile::Parts::read_blocks(std::uint64_t offset, std::span<std::byte> out) const {
    ASSERT(offset % kImageBlockSize == 0);
    ASSIGN_OR_RETURN(const std::size_t got, file->read_at(offset, out));
    if (got != out.size()) return corrupt("is cut off");
    for (std::size_t at = 0; at < out.size(); at += kImageBlockSize) {
        const auto block = out.subspan(at, std::min(kImageBlockSize, out.size() - at));
        if (base::crc32c(block) != block_crcs[(offset + at) / kImageBlockSize])
            return corrupt("does not match its checksum at offset " + std::to_string(offset + at));
    }
    return {};
}

FileList KeyRecord::list(std::uint64_t begin_seq) const {
    return {.first_posting = key.first_posting,
            .count = key.count,
            .first_place = stream.first_place,
            .previous_seq = stream.previous_seq,
            .first_seq = begin_seq + key.first_delta,
            .last_seq = begin_seq + key.last_delta};
}

Status decode_key(const IndexFile::Parts& parts, KeyKind kind, const std::byte* from, KeyRecord& record) {
    record.key = base::load<StoredKey>(from);
    const StoredKey& key = record.key;
    const IndexLayout::Dictionary& sections = parts.dictionary(kind);
    if (key.key_offset() > sections.key_bytes.count || key.key_size() > sections.key_bytes.count - key.key_offset())
        return parts.corrupt("has a key that is not in its section");
    if (key.count == 0 || key.first_posting > sections.postings.count ||
        key.count > sections.postings.count - key.first_posting)
        return parts.corrupt("has a list that is not in its section");
    if (key.first_delta > key.last_delta || key.last_delta >= parts.footer.event_count() ||
        key.count - 1 > key.last_delta - key.first_delta)
        return parts.corrupt("has a list of events that are not in it");
    if (kind != KeyKind::kEntity) return {};
    record.stream = base::load<StoredStream>(from + sizeof(StoredKey));
    // The event in front lies in an earlier file, or was in this one and is removed.
    const std::uint64_t first_seq = parts.footer.begin_seq + key.first_delta;
    if ((record.stream.previous_seq != kNoSeq && record.stream.previous_seq >= first_seq) ||
        record.stream.first_seq > first_seq)
        return parts.corrupt("has a stream whose events are out of order");
    return {};
}

// --- reading forward -----------------------------------------------------------------------------

BodyReader::BodyReader(const IndexFile::Parts& parts, const Section& section, std::size_t piece_size)
    : parts_(parts),
      at_(section.offset),
      end_(section.end()),
      // One block more, as what is needed may begin anywhere in one.
      piece_(base::round_up(std::min<std::uint64_t>(piece_size, end_ - at_), kImageBlockSize) + kImageBlockSize) {}

Status BodyReader::fill(std::size_t size) {
    ASSERT(size <= left());
    const std::uint64_t begin = at_ / kImageBlockSize * kImageBlockSize;
    const std::uint64_t end =
        std::min({begin + piece_.size(), base::round_up(end_, kImageBlockSize), parts_.layout.body_size});
    ASSERT(at_ + size <= end);
    const cache::ImagePin pin(*parts_.image);
    if (parts_.image->is_loaded(begin, end)) {
        std::copy(parts_.image->data() + begin, parts_.image->data() + end, piece_.data());
    } else {
        RETURN_IF_ERROR(parts_.read_blocks(begin, piece_.span(0, end - begin)));
    }
    piece_begin_ = begin;
    piece_end_ = end;
    return {};
}

KeyCursor::KeyCursor(const IndexFile::Parts& parts, KeyKind kind, std::size_t piece_size)
    : parts_(parts),
      kind_(kind),
      keys_(parts, parts.dictionary(kind).keys, piece_size),
      key_bytes_(parts, parts.dictionary(kind).key_bytes, piece_size),
      left_(parts.dictionary(kind).keys.count) {}

Status KeyCursor::next() {
    if (left_ == 0) {
        done_ = true;
        return {};
    }
    const bool is_first = left_ == parts_.dictionary(kind_).keys.count;
    const std::size_t size = key_entry_size(kind_);
    RETURN_IF_ERROR(keys_.need(size));
    const StoredKey previous = record_.key;
    RETURN_IF_ERROR(decode_key(parts_, kind_, keys_.take(size), record_));
    --left_;
    const bool may_be_equal = !is_first && record_.key.hash == previous.hash && record_.key.branch == previous.branch;
    if (may_be_equal) previous_key_ = key_;
    if (record_.key.key_offset() != next_offset_ || record_.key.first_posting != next_posting_)
        return parts_.corrupt("has keys with something between them");
    next_offset_ += record_.key.key_size();
    next_posting_ += record_.key.count;
    RETURN_IF_ERROR(key_bytes_.need(record_.key.key_size()));
    key_ = base::as_text({key_bytes_.take(record_.key.key_size()), record_.key.key_size()});
    const bool in_order = is_first || record_.key.hash > previous.hash ||
                          (record_.key.hash == previous.hash && record_.key.branch > previous.branch) ||
                          (may_be_equal && key_ > previous_key_);
    return in_order ? Status() : parts_.corrupt("has keys out of order");
}

}  // namespace chronos::index
