#include "wal/removals.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "io/file_system.h"
#include "wal/segment.h"

namespace chronos::wal {
namespace {

/// What a record of the table begins with.
struct TableHeader {
    std::uint32_t stub_count = 0;
    std::uint16_t stub_size = sizeof(RemovedRecord);
    std::uint16_t version = 1;
};
static_assert(sizeof(TableHeader) == 8);

std::size_t body_size_for(std::size_t stub_count) { return sizeof(TableHeader) + stub_count * sizeof(RemovedRecord); }

/// A record of the table that is full.
std::size_t full_record_size() { return record_size_for(body_size_for(kStubsPerRecord)); }

/// Whether a stub can follow what is in front of it.
bool is_sound(const RemovedRecord& stub, std::uint64_t end_offset, std::uint64_t next_seq,
              std::uint64_t removals_offset) {
    return stub.offset() >= end_offset && stub.record_size > 0 && stub.record_size % kRecordAlignment == 0 &&
           stub.record_size <= kRecordSizeMax && stub.end_offset() <= removals_offset && stub.first_seq >= next_seq &&
           stub.event_count > 0 && stub.end_seq() > stub.first_seq && stub.group_index <= stub.group_last_index &&
           stub.branch <= event::kBranchMax && stub.branch != event::kSystemBranch &&
           stub.first_position <= ~std::uint64_t{0} - stub.event_count;
}

Error damaged(std::uint64_t offset) {
    return base::fail(ErrorCode::kCorrupt,
                      "what tells of removed records is damaged at offset " + std::to_string(offset));
}

}  // namespace

std::uint64_t removals_size(std::size_t count) {
    ASSERT(count > 0);
    const std::size_t full = (count - 1) / kStubsPerRecord;
    return base::round_up(full * full_record_size() + record_size_for(body_size_for(count - full * kStubsPerRecord)),
                          io::kBlockSize);
}

std::uint64_t stub_offset(std::uint64_t removals_offset, std::size_t index) {
    return removals_offset + index / kStubsPerRecord * full_record_size() + kEnvelopeSize +
           body_size_for(index % kStubsPerRecord);
}

std::vector<std::byte> encode_removals(std::span<const RemovedRecord> stubs, std::uint64_t removals_offset,
                                       const SegmentIdentity& segment, std::uint32_t epoch) {
    std::vector<std::byte> table(removals_size(stubs.size()));
    std::size_t at = 0;
    while (!stubs.empty()) {
        const auto part = stubs.first(std::min(stubs.size(), kStubsPerRecord));
        stubs = stubs.subspan(part.size());
        std::byte* const body = table.data() + at + kEnvelopeSize;
        base::store(body, TableHeader{.stub_count = static_cast<std::uint32_t>(part.size())});
        std::memcpy(body + sizeof(TableHeader), part.data(), part.size_bytes());
        Envelope envelope;
        envelope.kind = RecordKind::kRemoved;
        envelope.epoch = epoch;
        envelope.first_seq = part.front().first_seq;
        envelope.event_count = static_cast<std::uint32_t>(part.size());
        envelope.body_size = static_cast<std::uint32_t>(body_size_for(part.size()));
        const std::size_t size = stubs.empty() ? table.size() - at : full_record_size();
        envelope.record_size = static_cast<std::uint32_t>(size);
        envelope.file_offset = removals_offset + at;
        seal_record(table.data() + at, envelope, segment);
        at += size;
    }
    ASSERT(at == table.size());
    return table;
}

Result<std::vector<RemovedRecord>> decode_removals(std::span<const std::byte> bytes, std::uint64_t removals_offset,
                                                   const SegmentIdentity& segment) {
    std::vector<RemovedRecord> stubs;
    std::uint64_t end_offset = kSegmentHeaderSize;
    std::uint64_t next_seq = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        Envelope envelope;
        const RecordCheck check = check_record(bytes.subspan(at), removals_offset + at, segment, envelope);
        if (check == RecordCheck::kUnsupported)
            return base::fail(ErrorCode::kUnsupported,
                              "what tells of removed records needs a newer version of chronos");
        if (check != RecordCheck::kValid || envelope.kind != RecordKind::kRemoved ||
            envelope.body_size < sizeof(TableHeader))
            return damaged(removals_offset + at);
        const std::byte* const body = bytes.data() + at + kEnvelopeSize;
        const auto header = base::load<TableHeader>(body);
        if (header.version != 1 || header.stub_size != sizeof(RemovedRecord))
            return base::fail(ErrorCode::kUnsupported,
                              "what tells of removed records needs a newer version of chronos");
        const bool is_last = at + envelope.record_size == bytes.size();
        if (header.stub_count == 0 || envelope.body_size != body_size_for(header.stub_count) ||
            (!is_last && header.stub_count != kStubsPerRecord))
            return damaged(removals_offset + at);
        for (std::uint32_t i = 0; i < header.stub_count; ++i) {
            const auto stub = base::load<RemovedRecord>(body + body_size_for(i));
            if (!is_sound(stub, end_offset, next_seq, removals_offset)) return damaged(removals_offset + at);
            end_offset = stub.end_offset();
            next_seq = stub.end_seq();
            stubs.push_back(stub);
        }
        at += envelope.record_size;
    }
    if (stubs.empty()) return damaged(removals_offset);
    return stubs;
}

}  // namespace chronos::wal
