#include "store/seq_cursor.h"

#include <algorithm>

namespace chronos::store {
namespace {

/// Seqs taken at once: few at first, for most walks are short.
constexpr std::size_t kFirstTake = 32;
constexpr std::size_t kTake = 1024;

/// The chain of a key in a part; null when it has none there.
const index::PostingChunk* chain_in(const index::MemoryPart& part, const PostingKey& key) {
    const index::PostingList* list = part.map(key.kind).find(key.hash, key.branch, key.key);
    return list == nullptr ? nullptr : list->newest();
}

std::optional<index::FileList> list_in(Reader& reader, const index::IndexFile& file, const PostingKey& key) {
    const auto found = reader.take(file.find(key.kind, key.hash, key.branch, key.key, reader.access()));
    return found ? *found : std::nullopt;
}

std::uint32_t below_in(Reader& reader, const index::IndexFile& file, const PostingKey& key, const index::FileList& list,
                       std::uint64_t end_seq) {
    if (end_seq > list.last_seq) return list.count;
    if (end_seq <= list.first_seq) return 0;
    return reader.take(file.count_below(key.kind, list, end_seq, reader.access())).value_or(0);
}

/// The number of files that have events below the first memory part.
std::size_t files_in_use(const IndexParts& parts) {
    const std::uint64_t end = parts.memory_begin();
    std::size_t count = 0;
    while (count < parts.files.size() && parts.files[count].file->begin_seq() < end) ++count;
    return count;
}

}  // namespace

std::optional<PostingKey> posting_key(const IndexSet& indexes, index::KeyKind kind, const Layer& layer,
                                      std::string_view key) {
    PostingKey result{.kind = kind,
                      .branch = layer.branch,
                      .key = key,
                      .hash = indexes.hash(kind, layer.branch, key),
                      .end_seq = layer.end_seq};
    if (kind != index::KeyKind::kEntity) return result;
    result.stream = indexes.streams().find(result.hash, layer.branch, key);
    if (result.stream == nullptr || result.stream->end_seq() == 0) return std::nullopt;
    return result;
}

void add_posting_keys(const IndexSet& indexes, index::KeyKind kind, const Layers& layers, std::string_view key,
                      std::vector<PostingKey>& keys) {
    for (const Layer& layer : layers.all()) {
        if (indexes.runs(layer.branch) == nullptr) continue;
        const auto found = posting_key(indexes, kind, layer, key);
        if (found && (found->stream == nullptr || found->stream->first_seq() < layer.end_seq)) keys.push_back(*found);
    }
}

std::uint64_t count_below(Reader& reader, const PostingKey& key, std::uint64_t end_seq) {
    const IndexParts& parts = reader.parts();
    end_seq = std::min(end_seq, key.end_seq);
    const std::uint64_t floor = parts.memory_begin();
    if (key.kind == index::KeyKind::kEntity) {
        if (end_seq <= key.stream->first_seq()) return 0;
        index::Posting last;
        if (index::last_below(key.stream->newest(floor), floor, end_seq, last)) return last.place + 1;
        for (std::size_t i = files_in_use(parts); i > 0 && reader.ok(); --i) {
            const index::IndexFile& file = *parts.files[i - 1].file;
            if (file.begin_seq() >= end_seq) continue;
            const auto list = list_in(reader, file, key);
            if (!list) continue;
            if (const std::uint32_t below = below_in(reader, file, key, *list, std::min(end_seq, floor)); below > 0)
                return list->first_place + below;
        }
        return 0;
    }
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < files_in_use(parts) && reader.ok(); ++i) {
        const index::IndexFile& file = *parts.files[i].file;
        if (file.begin_seq() >= end_seq) break;
        if (const auto list = list_in(reader, file, key))
            count += below_in(reader, file, key, *list, std::min(end_seq, floor));
    }
    for (const auto& part : parts.memory) {
        if (part->begin_seq() >= end_seq) break;
        index::Posting last;
        if (index::last_below(chain_in(*part, key), 0, end_seq, last)) count += last.place + 1;
    }
    return count;
}

std::optional<std::uint64_t> seq_at_place(Reader& reader, const PostingKey& key, std::uint64_t place) {
    const IndexParts& parts = reader.parts();
    const std::uint64_t floor = parts.memory_begin();
    index::Posting posting;
    if (index::at_place(key.stream->newest(floor), floor, place, posting)) return posting.seq;
    for (std::size_t i = files_in_use(parts); i > 0 && reader.ok(); --i) {
        const index::IndexFile& file = *parts.files[i - 1].file;
        const auto list = list_in(reader, file, key);
        if (!list || place < list->first_place) continue;
        if (place - list->first_place >= list->count) return std::nullopt;
        std::uint64_t seq = 0;
        Status read = file.read(key.kind, *list, static_cast<std::uint32_t>(place - list->first_place), {&seq, 1},
                                reader.access());
        if (read.ok()) return seq;
        reader.fail(std::move(read).error());
    }
    return std::nullopt;
}

std::size_t last_seqs(Reader& reader, const PostingKey& key, std::uint64_t end_seq, std::span<std::uint64_t> seqs) {
    const IndexParts& parts = reader.parts();
    end_seq = std::min(end_seq, key.end_seq);
    const std::uint64_t floor = parts.memory_begin();
    std::size_t count = 0;
    const auto take_chain = [&](const index::PostingChunk* chunk, std::uint64_t chain_floor) {
        for (; chunk != nullptr && count < seqs.size(); chunk = chunk->before(chain_floor)) {
            for (std::uint32_t i = chunk->size_below(end_seq); i > 0 && count < seqs.size(); --i)
                seqs[count++] = chunk->seq(i - 1);
        }
    };
    if (key.stream != nullptr) {
        take_chain(key.stream->newest(floor), floor);
    } else {
        for (auto part = parts.memory.rbegin(); part != parts.memory.rend(); ++part)
            take_chain(chain_in(**part, key), 0);
    }
    for (std::size_t i = files_in_use(parts); i > 0 && count < seqs.size() && reader.ok(); --i) {
        const index::IndexFile& file = *parts.files[i - 1].file;
        if (key.stream != nullptr && file.end_seq() <= key.stream->first_seq()) break;
        if (file.begin_seq() >= end_seq) continue;
        const auto list = list_in(reader, file, key);
        if (!list) continue;
        const std::uint32_t below = below_in(reader, file, key, *list, std::min(end_seq, floor));
        const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(seqs.size() - count, below));
        const auto found = seqs.subspan(count, wanted);
        if (Status read = file.read(key.kind, *list, below - wanted, found, reader.access()); !read.ok()) {
            reader.fail(std::move(read).error());
            return 0;
        }
        std::reverse(found.begin(), found.end());
        count += wanted;
    }
    return reader.ok() ? count : 0;
}

std::vector<std::string> keys_with_prefix(Reader& reader, index::KeyKind kind, const Layers& layers,
                                          std::string_view prefix) {
    std::vector<std::string> keys;
    const auto add = [&](event::BranchNumber of, std::string_view key) {
        const auto all = layers.all();
        const bool is_seen =
            std::any_of(all.begin(), all.end(), [&](const Layer& layer) { return layer.branch == of; });
        if (is_seen && key.starts_with(prefix)) keys.emplace_back(key);
    };
    for (const FilePart& part : reader.parts().files) {
        Status visited = part.file->for_each_key(kind, [&](const index::IndexFile::KeyEntry& entry) {
            add(entry.branch, entry.key);
            return true;
        });
        if (!visited.ok()) reader.fail(std::move(visited).error());
    }
    for (const auto& part : reader.parts().memory) {
        const auto& lists = part->map(kind).entries();
        for (std::uint64_t i = 0; i < lists.size(); ++i) add(lists[i]->branch(), lists[i]->key());
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    return keys;
}

SeqCursor::SeqCursor(Reader& reader, const PostingKey& key, const Range& range)
    : reader_(reader),
      key_(key),
      range_{.begin_seq = range.begin_seq, .end_seq = std::min(range.end_seq, key.end_seq), .forward = range.forward} {
    const IndexParts& parts = reader_.parts();
    next_file_ = range_.forward ? 0 : files_in_use(parts);
    next_part_ = range_.forward ? 0 : parts.memory.size();
    if (range_.begin_seq < range_.end_seq) refill();
}

void SeqCursor::refill() {
    const std::size_t take = buffer_.empty() ? kFirstTake : kTake;
    buffer_.clear();
    buffer_.reserve(take);
    at_ = 0;
    while (buffer_.empty() && reader_.ok()) {
        if (side_ == Side::kFiles && list_begin_ < list_end_) {
            take_from_list();
        } else if (side_ == Side::kMemory && !memory_->done()) {
            take_from_memory();
        } else if (!enter_next()) {
            return;
        }
    }
    if (!reader_.ok()) buffer_.clear();
}

bool SeqCursor::enter_next() {
    if (range_.forward) return enter_file() || enter_memory();
    return enter_memory() || enter_file();
}

/// The next file that has the key, and what of its list is in the range.
bool SeqCursor::enter_file() {
    const IndexParts& parts = reader_.parts();
    const std::uint64_t end_seq = std::min(range_.end_seq, parts.memory_begin());
    const std::size_t files = files_in_use(parts);
    while (!files_are_done_ && reader_.ok()) {
        if (range_.forward ? next_file_ == files : next_file_ == 0) break;
        const index::IndexFile& file = *parts.files[range_.forward ? next_file_++ : --next_file_].file;
        if (file.begin_seq() >= end_seq) {
            if (range_.forward) break;
            continue;
        }
        if (file.end_seq() <= range_.begin_seq) {
            if (!range_.forward) break;
            continue;
        }
        if (key_.stream != nullptr && file.end_seq() <= key_.stream->first_seq()) continue;
        const auto list = list_in(reader_, file, key_);
        if (!list) continue;
        if (!range_.forward && list->previous_seq == index::kNoSeq && key_.stream != nullptr) files_are_done_ = true;
        list_begin_ = below_in(reader_, file, key_, *list, range_.begin_seq);
        list_end_ = std::max(list_begin_, below_in(reader_, file, key_, *list, end_seq));
        if (list_begin_ == list_end_) continue;
        file_ = &file;
        list_ = *list;
        side_ = Side::kFiles;
        return true;
    }
    files_are_done_ = true;
    return false;
}

bool SeqCursor::enter_memory() {
    const IndexParts& parts = reader_.parts();
    const std::uint64_t floor = parts.memory_begin();
    while (!memory_is_done_) {
        const index::PostingChunk* newest = nullptr;
        std::uint64_t chain_floor = 0;
        if (key_.stream != nullptr) {
            memory_is_done_ = true;
            newest = key_.stream->newest(floor);
            chain_floor = floor;
        } else {
            if (range_.forward ? next_part_ == parts.memory.size() : next_part_ == 0) break;
            newest = chain_in(*parts.memory[range_.forward ? next_part_++ : --next_part_], key_);
        }
        if (newest == nullptr) continue;
        memory_.emplace(newest, index::PostingCursor::Range{.floor = chain_floor,
                                                            .begin_seq = range_.begin_seq,
                                                            .end_seq = range_.end_seq,
                                                            .forward = range_.forward});
        if (memory_->done()) continue;
        side_ = Side::kMemory;
        return true;
    }
    memory_is_done_ = true;
    return false;
}

void SeqCursor::take_from_list() {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(buffer_.capacity(), list_end_ - list_begin_));
    buffer_.resize(count);
    const std::uint32_t first = range_.forward ? list_begin_ : list_end_ - count;
    if (Status read = file_->read(key_.kind, list_, first, buffer_, reader_.access()); !read.ok()) {
        reader_.fail(std::move(read).error());
        return;
    }
    if (range_.forward) {
        list_begin_ += count;
    } else {
        list_end_ -= count;
        std::reverse(buffer_.begin(), buffer_.end());
    }
}

void SeqCursor::take_from_memory() {
    for (; buffer_.size() < buffer_.capacity() && !memory_->done(); memory_->next())
        buffer_.push_back(memory_->get().seq);
}

}  // namespace chronos::store
