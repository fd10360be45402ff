// Writing content as one file.
#include <algorithm>
#include <functional>

#include "index/write_source.h"

namespace chronos::index {
namespace {

/// The keys in the order of the file, by index. Sorts by hash first, as comparing keys would miss
/// the cache.
std::vector<std::uint32_t> order_of(std::span<const IndexedKey> keys) {
    struct Entry {
        std::uint64_t hash;
        std::uint32_t index;
    };
    std::vector<Entry> entries(keys.size());
    for (std::uint32_t i = 0; i < keys.size(); ++i) entries[i] = {keys[i].hash, i};
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
        if (a.hash != b.hash) return a.hash < b.hash;
        const IndexedKey& left = keys[a.index];
        const IndexedKey& right = keys[b.index];
        return left.branch != right.branch ? left.branch < right.branch : left.key < right.key;
    });
    std::vector<std::uint32_t> order(keys.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = entries[i].index;
    return order;
}

class ContentDictionary {
public:
    explicit ContentDictionary(const IndexContent::Dictionary& content)
        : content_(content), order_(order_of(content.keys)) {}

    [[nodiscard]] std::size_t size() const { return order_.size(); }
    [[nodiscard]] std::string_view text(std::size_t i) const { return content_.keys[order_[i]].key; }
    [[nodiscard]] KeyToWrite key(std::size_t i) const {
        const IndexedKey& key = content_.keys[order_[i]];
        const std::span postings = postings_of(key);
        ASSERT(std::adjacent_find(postings.begin(), postings.end(), std::greater_equal<>()) == postings.end());
        return {
            .hash = key.hash,
            .key = key.key,
            .branch = key.branch,
            .count = key.count,
            .first_delta = postings.front(),
            .last_delta = postings.back(),
            .stream = {
                .first_place = key.first_place, .previous_seq = key.previous_seq, .first_seq = key.stream_first_seq}};
    }
    void append_postings(std::size_t i, IndexFileWriter& out) const {
        out.append_values(postings_of(content_.keys[order_[i]]));
    }

private:
    [[nodiscard]] std::span<const std::uint32_t> postings_of(const IndexedKey& key) const {
        ASSERT(key.count > 0 && key.first_posting <= content_.postings.size() &&
               key.count <= content_.postings.size() - key.first_posting);
        return std::span(content_.postings).subspan(key.first_posting, key.count);
    }

    const IndexContent::Dictionary& content_;
    const std::vector<std::uint32_t> order_;
};

class ContentIds {
public:
    explicit ContentIds(std::vector<IndexedId> ids) : ids_(std::move(ids)) {
        std::sort(ids_.begin(), ids_.end(), [](const IndexedId& a, const IndexedId& b) {
            return a.hash != b.hash ? a.hash < b.hash : a.delta < b.delta;
        });
    }
    [[nodiscard]] std::size_t size() const { return ids_.size(); }
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (const IndexedId& id : ids_) visit(id.hash, id.delta);
    }

private:
    std::vector<IndexedId> ids_;
};

class ContentSource {
public:
    explicit ContentSource(const IndexContent& content) : content_(content) {
        const std::uint64_t events = content.end_seq - content.begin_seq;
        ASSERT(content.offsets.size() == events && content.places.size() == events);
    }
    [[nodiscard]] std::uint64_t begin_seq() const { return content_.begin_seq; }
    [[nodiscard]] std::uint64_t end_seq() const { return content_.end_seq; }
    [[nodiscard]] const IndexResident& resident() const { return content_; }
    void append_offsets(IndexFileWriter& out) const { out.append_values(std::span(content_.offsets)); }
    void append_places(IndexFileWriter& out) const { out.append_values(std::span(content_.places)); }
    template <typename Write>
    auto with_dictionary(KeyKind kind, Write&& write) const {
        return write(ContentDictionary(content_.dictionaries[static_cast<std::size_t>(kind)]));
    }
    [[nodiscard]] ContentIds ids() const { return ContentIds(content_.ids); }
    [[nodiscard]] ContentIds batches() const { return ContentIds(content_.batches); }

private:
    const IndexContent& content_;
};

}  // namespace

Result<std::string> write_index_file(io::FileSystem& files, const std::string& directory, const Uuid& database,
                                     const IndexContent& content) {
    return write_source(files, directory, database, ContentSource(content));
}

}  // namespace chronos::index
