#include "store/fork_table.h"

#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"

namespace chronos::store {
namespace {

constexpr std::uint32_t kTableVersion = 1;
constexpr std::uint64_t kTableSizeMax = std::uint64_t{1} << 32;
constexpr const char* kTableName = "/forks.table";

struct TableHeader {
    std::array<char, 8> magic{'C', 'H', 'R', 'O', 'N', 'F', 'R', 'K'};
    std::uint32_t version = kTableVersion;
    std::uint32_t crc = 0;  ///< Of all that follows.
    std::uint64_t file_size = 0;
    Uuid database;
    std::uint64_t end_seq = 0;
    std::uint32_t segment_number = 0;
    std::uint32_t segment_crc = 0;
    std::uint64_t segment_salt = 0;
    event::BranchNumber next_number = 0;
    std::uint32_t has_merges = 0;
    std::uint32_t fork_count = 0;
    std::uint32_t gone_count = 0;  ///< Bits, by number.
};
static_assert(sizeof(TableHeader) == 80 && offsetof(TableHeader, file_size) == 16);

/// Then id, name and creator, and zeros to a multiple of 8.
struct StoredFork {
    event::BranchNumber number = 0, parent = 0;
    std::uint64_t fork_seq = 0, first_position = 0;
    std::int64_t created_at = 0, expires_at = 0;
    std::uint64_t created_seq = 0, ended_seq = 0;
    std::int64_t ended_at = 0;
    std::uint64_t gone_seq = 0;
    std::int64_t gone_at = 0;
    std::uint32_t status = 0;
    std::uint32_t zero = 0;
    std::uint16_t id_size = 0, name_size = 0, creator_size = 0, zero2 = 0;
};
static_assert(sizeof(StoredFork) == 96);

void append(std::vector<std::byte>& bytes, std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}
template <typename T>
void append_value(std::vector<std::byte>& bytes, const T& value) {
    append(bytes, std::as_bytes(std::span(&value, 1)));
}

Error damaged(const char* what) { return base::fail(ErrorCode::kCorrupt, std::string("the table of forks ") + what); }

Result<Fork> decode_fork(base::ByteReader& reader) {
    const auto fixed = reader.bytes(sizeof(StoredFork));
    if (!reader.ok()) return damaged("is cut off");
    const auto stored = base::load<StoredFork>(fixed.data());
    Fork fork;
    fork.number = stored.number;
    fork.parent = stored.parent;
    fork.fork_seq = stored.fork_seq;
    fork.first_position = stored.first_position;
    fork.created_at = {stored.created_at};
    fork.expires_at = {stored.expires_at};
    fork.created_seq = stored.created_seq;
    fork.ended_seq = stored.ended_seq;
    fork.ended_at = {stored.ended_at};
    fork.gone_seq = stored.gone_seq;
    fork.gone_at = {stored.gone_at};
    if (stored.status > static_cast<std::uint32_t>(ForkStatus::kExpired)) return damaged("has a status that cannot be");
    fork.status = static_cast<ForkStatus>(stored.status);
    fork.id = reader.text(stored.id_size);
    fork.name = reader.text(stored.name_size);
    fork.creator = reader.text(stored.creator_size);
    const std::size_t strings = std::size_t{stored.id_size} + stored.name_size + stored.creator_size;
    reader.skip(base::round_up(strings, 8) - strings);
    if (!reader.ok()) return damaged("is cut off");
    return fork;
}

}  // namespace

std::vector<std::byte> encode_fork_table(const ForkTable& table, const Uuid& database) {
    const Branches::State& state = table.state;
    TableHeader header;
    header.database = database;
    header.end_seq = state.end_seq;
    header.segment_number = table.segment.number;
    header.segment_crc = table.segment.last_crc;
    header.segment_salt = table.segment.salt;
    header.next_number = state.next_number;
    header.has_merges = state.has_merges ? 1 : 0;
    header.fork_count = static_cast<std::uint32_t>(state.forks.size());
    header.gone_count = static_cast<std::uint32_t>(state.gone.size());
    std::vector<std::byte> bytes;
    append_value(bytes, header);
    for (const Fork& fork : state.forks) {
        append_value(bytes, StoredFork{.number = fork.number,
                                       .parent = fork.parent,
                                       .fork_seq = fork.fork_seq,
                                       .first_position = fork.first_position,
                                       .created_at = fork.created_at.ns,
                                       .expires_at = fork.expires_at.ns,
                                       .created_seq = fork.created_seq,
                                       .ended_seq = fork.ended_seq,
                                       .ended_at = fork.ended_at.ns,
                                       .gone_seq = fork.gone_seq,
                                       .gone_at = fork.gone_at.ns,
                                       .status = static_cast<std::uint32_t>(fork.status),
                                       .id_size = static_cast<std::uint16_t>(fork.id.size()),
                                       .name_size = static_cast<std::uint16_t>(fork.name.size()),
                                       .creator_size = static_cast<std::uint16_t>(fork.creator.size())});
        for (const std::string* text : {&fork.id, &fork.name, &fork.creator}) append(bytes, base::as_bytes(*text));
        bytes.resize(base::round_up(bytes.size(), 8));
    }
    const std::size_t bits = bytes.size();
    bytes.resize(bits + base::round_up(state.gone.size(), 64) / 8);
    for (std::size_t i = 0; i < state.gone.size(); ++i)
        if (state.gone[i]) bytes[bits + i / 8] |= std::byte{1} << (i % 8);
    base::store(bytes.data() + offsetof(TableHeader, file_size), std::uint64_t{bytes.size()});
    base::store(bytes.data() + offsetof(TableHeader, crc),
                base::crc32c(std::span<const std::byte>(bytes).subspan(offsetof(TableHeader, file_size))));
    return bytes;
}

Result<ForkTable> decode_fork_table(std::span<const std::byte> bytes, const Uuid& database) {
    if (bytes.size() < sizeof(TableHeader)) return damaged("is cut off");
    const auto header = base::load<TableHeader>(bytes.data());
    if (header.magic != TableHeader().magic) return damaged("is none");
    if (header.version != kTableVersion)
        return base::fail(ErrorCode::kUnsupported, "the table of forks needs a newer version of chronos");
    if (base::crc32c(bytes.subspan(offsetof(TableHeader, file_size))) != header.crc ||
        header.file_size != bytes.size() || header.database != database)
        return damaged("does not match its checksum or database");
    ForkTable table;
    table.segment = {header.segment_number, header.segment_crc, header.segment_salt};
    table.state.end_seq = header.end_seq;
    table.state.next_number = header.next_number;
    table.state.has_merges = header.has_merges != 0;
    base::ByteReader reader(bytes.subspan(sizeof(TableHeader)));
    for (std::uint32_t i = 0; i < header.fork_count; ++i) {
        ASSIGN_OR_RETURN(Fork fork, decode_fork(reader));
        table.state.forks.push_back(std::move(fork));
    }
    const auto bits = reader.bytes(base::round_up(header.gone_count, 64) / 8);
    if (!reader.ok() || reader.left() > 0) return damaged("has the wrong size");
    table.state.gone.resize(header.gone_count);
    for (std::size_t i = 0; i < header.gone_count; ++i)
        table.state.gone[i] = (bits[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
    return table;
}

Status write_fork_table(io::FileSystem& files, const std::string& directory, const ForkTable& table,
                        const Uuid& database) {
    const std::string path = directory + kTableName;
    const std::string unfinished = path + ".tmp";
    ASSIGN_OR_RETURN(const bool left_over, files.exists(unfinished));
    if (left_over) RETURN_IF_ERROR(files.remove_file(unfinished));
    ASSIGN_OR_RETURN(const auto file, files.open(unfinished, io::OpenMode::kCreate));
    RETURN_IF_ERROR(file->write_at(0, encode_fork_table(table, database)));
    RETURN_IF_ERROR(file->sync());
    RETURN_IF_ERROR(files.rename(unfinished, path));
    return files.sync_directory(directory);
}

Result<ForkTable> read_fork_table(io::FileSystem& files, const std::string& directory, const Uuid& database) {
    ASSIGN_OR_RETURN(const auto file, files.open(directory + kTableName, io::OpenMode::kRead));
    ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
    if (size > kTableSizeMax) return damaged("has the wrong size");
    std::vector<std::byte> bytes(size);
    ASSIGN_OR_RETURN(const std::size_t got, file->read_at(0, bytes));
    bytes.resize(got);
    return decode_fork_table(bytes, database);
}

}  // namespace chronos::store
