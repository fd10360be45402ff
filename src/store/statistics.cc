#include "store/statistics.h"

#include <algorithm>
#include <map>

#include "base/result.h"
#include "store/seq_cursor.h"

namespace chronos::store {
namespace {

/// Events of a key that the view counts; first and last of them.
struct KeyCount {
    std::uint64_t count = 0;
    std::uint64_t first_seq = 0, last_seq = 0;
};

/// Adds the events of a later key.
void join(KeyCount& total, const KeyCount& more) {
    if (more.count == 0) return;
    if (total.count == 0) total.first_seq = more.first_seq;
    total.last_seq = more.last_seq;
    total.count += more.count;
}

KeyCount count_key(Reader& reader, const PinnedView& view, const PostingKey& key) {
    KeyCount result;
    if (!view.as_of) {
        result.count = count_below(reader, key, view.end_seq);
        if (result.count == 0) return result;
        const SeqCursor forward(reader, key, {.end_seq = view.end_seq});
        const SeqCursor backward(reader, key, {.end_seq = view.end_seq, .forward = false});
        if (forward.done() || backward.done()) return {};  // an error
        result.first_seq = forward.get();
        result.last_seq = backward.get();
        return result;
    }
    for (SeqCursor cursor(reader, key, {.end_seq = view.end_seq}); !cursor.done(); cursor.next()) {
        const std::uint64_t seq = cursor.get();
        const std::byte* event = reader.event(seq);
        if (event == nullptr) return result;
        if (!view.counts(event::EventBytes(event))) continue;
        if (result.count++ == 0) result.first_seq = seq;
        result.last_seq = seq;
    }
    return result;
}

}  // namespace

Result<Counts> count_view(const IndexSet& indexes, const PinnedView& view) {
    indexes.catch_up(view.end_seq);
    Reader reader(indexes);
    Counts counts;
    std::optional<std::uint64_t> first_seq;
    std::optional<std::uint64_t> last_seq;
    std::vector<PostingKey> keys;
    for (const std::string& type : keys_with_prefix(reader, index::KeyKind::kType, view.layers, "")) {
        keys.clear();
        add_posting_keys(indexes, index::KeyKind::kType, view.layers, type, keys);
        KeyCount found;
        for (const PostingKey& key : keys) join(found, count_key(reader, view, key));
        RETURN_IF_ERROR(reader.status());
        if (found.count == 0) continue;
        counts.event_count += found.count;
        counts.types.push_back(
            {type, found.count, {reader.recorded_at(found.first_seq)}, {reader.recorded_at(found.last_seq)}});
        first_seq = std::min(first_seq.value_or(found.first_seq), found.first_seq);
        last_seq = std::max(last_seq.value_or(found.last_seq), found.last_seq);
    }
    std::sort(counts.types.begin(), counts.types.end(), [](const TypeCount& a, const TypeCount& b) {
        return a.count != b.count ? a.count > b.count : a.event_type < b.event_type;
    });
    if (first_seq) counts.first_recorded_at = Timestamp{reader.recorded_at(*first_seq)};
    if (last_seq) counts.last_recorded_at = Timestamp{reader.recorded_at(*last_seq)};
    RETURN_IF_ERROR(for_each_entity(reader, view, "", [&](std::string_view) { ++counts.entity_count; }));
    return counts;
}

}  // namespace chronos::store
