#include "store/filter.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "base/checksum.h"
#include "base/planted_bug.h"
#include "base/result.h"
#include "event/batch_content.h"
#include "json/validate.h"
#include "json/writer.h"
#include "store/stream.h"

namespace chronos::store {
namespace {

constexpr std::size_t kAlternativesMax = 10'000;
constexpr std::size_t kFieldTestsMax = 64;
/// So few events are looked at faster than indexes are asked: a follower's usual step.
constexpr std::uint64_t kScanWithoutIndexMax = 128;
/// A prefix of more entities than that is looked for by passing over all events: each entity would be a walk of its
/// own.
constexpr std::size_t kKeysMax = 10'000;

Status check_counts(const Filter& filter) {
    if (filter.event_types.size() > kAlternativesMax || filter.entity_ids.size() > kAlternativesMax)
        return base::fail(ErrorCode::kLimitExceeded, "a filter names at most 10000 types and 10000 entities");
    if (filter.tags.size() > event::kTagCountMax)
        return base::fail(ErrorCode::kLimitExceeded, "a filter names at most 64 tags");
    if (filter.fields.size() > kFieldTestsMax)
        return base::fail(ErrorCode::kLimitExceeded, "a filter has at most 64 field tests");
    for (const std::string& type : filter.event_types)
        if (type.find('*') != std::string::npos)
            return base::fail(ErrorCode::kInvalidArgument,
                              "event_type '" + type + "' has a '*': use event_type_prefix for a prefix");
    if (filter.query) RETURN_IF_ERROR(event::check_query(*filter.query));
    return {};
}

Result<json::CompiledPredicate> metadata_test(std::string_view pointer, const std::string& value) {
    std::string operand;
    json::append_string(operand, value);
    return json::CompiledPredicate::compile(pointer, json::Operator::kEqual, operand);
}

/// A text that is the same only for equal filters.
std::string canonical(const Filter& filter) {
    std::string text;
    const auto add = [&](std::string_view part) {
        text += std::to_string(part.size()) + ":";
        text += part;
    };
    const auto add_all = [&](const std::vector<std::string>& parts) {
        text += std::to_string(parts.size()) + "[";
        for (const std::string& part : parts) add(part);
    };
    const auto add_time = [&](const std::optional<Timestamp>& time) { add(time ? std::to_string(time->ns) : ""); };
    const auto add_optional = [&](const std::optional<std::string>& part) { add(part ? "=" + *part : ""); };
    add_all(filter.event_types);
    add(filter.event_type_prefix);
    add_all(filter.entity_ids);
    add(filter.entity_id_prefix);
    add_all(filter.tags);
    add_time(filter.since);
    add_time(filter.until);
    add_time(filter.occurred_since);
    add_time(filter.occurred_until);
    add_optional(filter.correlation_id);
    add_optional(filter.causation_id);
    add_optional(filter.actor);
    for (const FieldTest& test : filter.fields) {
        add(test.pointer);
        add(test.operation);
        add(test.operand);
    }
    if (filter.query) {
        text += filter.query->all ? "all" : "items";
        for (const QueryItem& item : filter.query->items) {
            add_all(item.types);
            add_all(item.tags);
        }
    }
    return text;
}

/// Merges the events of keys into ascending (or descending) seqs without repeats.
class Union {
public:
    Union(Reader& reader, const std::vector<PostingKey>& keys, const SeqCursor::Range& range)
        : forward_(range.forward), queue_(Later{this}) {
        cursors_.reserve(keys.size());
        for (const PostingKey& key : keys) {
            cursors_.emplace_back(reader, key, range);
            if (!cursors_.back().done()) queue_.push(cursors_.size() - 1);
        }
    }
    bool next(std::uint64_t& seq) {
        for (pass_given(); !queue_.empty(); pass_given()) {
            given_ = queue_.top();
            queue_.pop();
            const std::uint64_t candidate = cursors_[*given_].get();
            if (has_last_ && candidate == last_) continue;
            seq = last_ = candidate;
            has_last_ = true;
            return true;
        }
        return false;
    }

private:
    /// Not before the next one is wanted, which may be on disk.
    void pass_given() {
        if (!given_) return;
        cursors_[*given_].next();
        if (!cursors_[*given_].done()) queue_.push(*given_);
        given_.reset();
    }

    struct Later {
        const Union* of;
        bool operator()(std::size_t a, std::size_t b) const {
            const std::uint64_t left = of->cursors_[a].get();
            const std::uint64_t right = of->cursors_[b].get();
            return of->forward_ ? left > right : left < right;
        }
    };
    bool forward_;
    std::vector<SeqCursor> cursors_;
    std::priority_queue<std::size_t, std::vector<std::size_t>, Later> queue_;
    std::optional<std::size_t> given_;  ///< Whose event was given last; not in queue_.
    std::uint64_t last_ = 0;
    bool has_last_ = false;
};

}  // namespace

Result<CompiledFilter> CompiledFilter::compile(const Filter& filter) {
    RETURN_IF_ERROR(check_counts(filter));
    CompiledFilter compiled;
    compiled.filter_ = filter;
    compiled.fingerprint_ = base::xxh3_64(canonical(filter), 0);

    std::vector<json::CompiledPredicate> fields;
    for (const FieldTest& test : filter.fields) {
        ASSIGN_OR_RETURN(const json::Operator operation, json::parse_operator(test.operation));
        const std::string_view operand = operation == json::Operator::kExists ? "null" : std::string_view(test.operand);
        ASSIGN_OR_RETURN(auto predicate, json::CompiledPredicate::compile(test.pointer, operation, operand));
        fields.push_back(std::move(predicate));
    }
    ASSIGN_OR_RETURN(compiled.fields_, json::PredicateSet::create(std::move(fields)));

    std::vector<json::CompiledPredicate> metadata;
    const auto add = [&](const char* pointer, const std::optional<std::string>& value) -> Status {
        if (!value) return {};
        ASSIGN_OR_RETURN(auto predicate, metadata_test(pointer, *value));
        metadata.push_back(std::move(predicate));
        return {};
    };
    RETURN_IF_ERROR(add("/correlation_id", filter.correlation_id));
    RETURN_IF_ERROR(add("/causation_id", filter.causation_id));
    RETURN_IF_ERROR(add("/actor", filter.actor));
    compiled.has_metadata_tests_ = !metadata.empty();
    ASSIGN_OR_RETURN(compiled.metadata_, json::PredicateSet::create(std::move(metadata)));
    // Moving a vector keeps its strings in place, so these views stay good in the returned value.
    for (const std::string& type : compiled.filter_.event_types) compiled.types_.insert(type);
    for (const std::string& entity : compiled.filter_.entity_ids) compiled.entities_.insert(entity);
    return compiled;
}

bool CompiledFilter::matches_metadata(std::string_view metadata) const {
    return !metadata.empty() && metadata_.matches(metadata);
}

bool CompiledFilter::matches(const event::EventBytes& event) const {
    if (!types_.empty() && !types_.contains(event.type())) return false;
    if (!event.type().starts_with(filter_.event_type_prefix)) return false;
    if (!entities_.empty() && !entities_.contains(event.entity())) return false;
    if (!event.entity().starts_with(filter_.entity_id_prefix)) return false;
    if (!filter_.tags.empty() && !event::matches({.items = {{.types = {}, .tags = filter_.tags}}}, event)) return false;
    if (filter_.query && !event::matches(*filter_.query, event)) return false;
    if (filter_.occurred_since && event.occurred_at() < filter_.occurred_since->ns) return false;
    if (filter_.occurred_until && event.occurred_at() > filter_.occurred_until->ns) return false;
    if (has_metadata_tests_ && !matches_metadata(event.metadata())) return false;
    if (fields_.empty()) return true;
    const bool is_json = !event.has(event::kUnvalidated) || json::validate_json(event.payload()).ok();
    return is_json && fields_.matches(event.payload());
}

bool CompiledFilter::needs_indexes() const {
    return !filter_.event_types.empty() || !filter_.event_type_prefix.empty() || !filter_.tags.empty() ||
           has_metadata_tests_ || filter_.query.has_value();
}

CompiledFilter::Candidates CompiledFilter::candidates(Reader& reader, const PinnedView& view,
                                                      std::uint64_t everything) const {
    using index::KeyKind;
    Candidates best{.keys = {}, .is_everything = true, .texts = {}};
    std::uint64_t best_count = everything;
    const auto consider = [&](std::vector<PostingKey> keys, std::vector<std::string> texts = {}) {
        std::uint64_t count = 0;
        for (const PostingKey& key : keys)
            count += key.stream != nullptr ? key.stream->count() : count_below(reader, key, view.end_seq);
        if (count >= best_count) return;
        best_count = count;
        best = {std::move(keys), false, std::move(texts)};
    };
    const auto add = [&](KeyKind kind, const std::string& text, std::vector<PostingKey>& keys) {
        add_posting_keys(reader.indexes(), kind, view.layers, text, keys);
    };
    const auto named = [&](KeyKind kind, const std::vector<std::string>& texts) {
        std::vector<PostingKey> keys;
        for (const std::string& text : texts) add(kind, text, keys);
        return keys;
    };
    const auto one = [&](KeyKind kind, const std::string& text) {
        std::vector<PostingKey> keys;
        add(kind, text, keys);
        return keys;
    };
    if (!filter_.entity_ids.empty()) consider(named(KeyKind::kEntity, filter_.entity_ids));
    if (!filter_.entity_id_prefix.empty()) {
        std::vector<PostingKey> keys;
        const auto& streams = reader.indexes().streams().entries();
        for (std::uint64_t i = 0; i < streams.size() && keys.size() <= kKeysMax; ++i) {
            if (!streams[i]->key().starts_with(filter_.entity_id_prefix)) continue;
            for (const Layer& layer : view.layers.all()) {
                if (streams[i]->branch() != layer.branch) continue;
                const auto key = posting_key(reader.indexes(), KeyKind::kEntity, layer, streams[i]->key());
                if (key) keys.push_back(*key);
            }
        }
        if (keys.size() <= kKeysMax) consider(std::move(keys));
    }
    if (!filter_.event_types.empty()) consider(named(KeyKind::kType, filter_.event_types));
    if (!filter_.event_type_prefix.empty()) {
        std::vector<std::string> texts =
            keys_with_prefix(reader, KeyKind::kType, view.layers, filter_.event_type_prefix);
        std::vector<PostingKey> keys = named(KeyKind::kType, texts);
        consider(std::move(keys), std::move(texts));  // Moving a vector keeps its strings in place.
    }
    for (const std::string& tag : filter_.tags) consider(one(KeyKind::kTag, tag));
    if (filter_.correlation_id) consider(one(KeyKind::kCorrelation, *filter_.correlation_id));
    if (filter_.causation_id) consider(one(KeyKind::kCausation, *filter_.causation_id));
    if (filter_.actor) consider(one(KeyKind::kActor, *filter_.actor));
    if (filter_.query && !filter_.query->all) {
        std::vector<PostingKey> keys;
        for (const QueryItem& item : filter_.query->items) {
            if (!item.tags.empty() && base::is_planted(base::Bug::kSkipTagList)) continue;
            if (!item.tags.empty()) {
                add(KeyKind::kTag, item.tags[0], keys);
                continue;
            }
            const auto types = named(KeyKind::kType, item.types);
            keys.insert(keys.end(), types.begin(), types.end());
        }
        consider(std::move(keys));
    }
    return best;
}

std::optional<std::uint64_t> CompiledFilter::count_by_lists(Reader& reader, const PinnedView& view,
                                                            std::uint64_t end_seq) const {
    const bool has_other_tests = !fields_.empty() || has_metadata_tests_ || !filter_.tags.empty() ||
                                 !filter_.entity_id_prefix.empty() || filter_.query || filter_.occurred_since ||
                                 filter_.occurred_until;
    const int kinds = int{!types_.empty()} + int{!filter_.event_type_prefix.empty()} + int{!entities_.empty()};
    if (view.as_of || has_other_tests || kinds > 1) return std::nullopt;
    if (kinds == 0) return position_end(reader.indexes(), view.layers.below(end_seq), end_seq);
    std::uint64_t count = 0;
    for (const std::string_view entity : entities_) {
        const auto stream = Stream::find(reader.indexes(), view.layers, entity);
        if (stream) count += count_below(reader, *stream, end_seq);
    }
    std::vector<std::string> types(types_.begin(), types_.end());
    if (!filter_.event_type_prefix.empty())
        types = keys_with_prefix(reader, index::KeyKind::kType, view.layers, filter_.event_type_prefix);
    std::vector<PostingKey> keys;
    for (const std::string& type : types)
        add_posting_keys(reader.indexes(), index::KeyKind::kType, view.layers, type, keys);
    for (const PostingKey& key : keys) count += count_below(reader, key, end_seq);
    return count;
}

void CompiledFilter::narrow(Reader& reader, std::uint64_t& begin_seq, std::uint64_t& end_seq) const {
    if (filter_.since && filter_.since->ns > std::numeric_limits<std::int64_t>::min())
        begin_seq = std::max(begin_seq, reader.seqs_recorded_by(filter_.since->ns - 1, end_seq));
    if (filter_.until) end_seq = std::min(end_seq, reader.seqs_recorded_by(filter_.until->ns, end_seq));
    begin_seq = std::min(begin_seq, end_seq);
}

Result<ScanResult> scan(const IndexSet& indexes, const PinnedView& view, const CompiledFilter& filter,
                        const ScanRequest& request) {
    ScanResult result;
    std::uint64_t begin = request.begin_seq;
    std::uint64_t end = std::min(request.end_seq, view.end_seq);
    if (begin >= end) return result;
    // Besides, what is of one entity looks at no others, which may not be in memory.
    const bool asks_lists = end - begin > kScanWithoutIndexMax || filter.is_of_one_entity();
    if (filter.needs_indexes() && asks_lists) indexes.catch_up(view.end_seq);
    Reader reader(indexes);
    filter.narrow(reader, begin, end);
    // Whether to go on. One more than the limit tells whether there is more.
    std::uint64_t examined_seq = 0;
    std::uint64_t bytes = 0;
    const auto take = [&](std::uint64_t seq, const std::byte* at) {
        if (request.examined_max != 0 && result.examined == request.examined_max) {
            result.has_more = true;
            result.last_seq = examined_seq;
            return false;
        }
        ++result.examined;
        examined_seq = seq;
        const event::EventBytes event(at);
        if (!view.counts(event) || !filter.matches(event)) return true;
        if (request.count_only) {
            ++result.count;
            return true;
        }
        if (request.bytes_max != 0) bytes += event.payload().size() + event.metadata().size();
        const bool is_beyond = bytes > request.bytes_max && request.bytes_max != 0 && !result.seqs.empty();
        if (result.seqs.size() == request.limit || is_beyond) {
            result.has_more = true;
            result.last_seq = result.seqs.back();
            return false;
        }
        result.seqs.push_back(seq);
        return true;
    };
    if (request.count_only && asks_lists) {
        if (const auto below_end = filter.count_by_lists(reader, view, end)) {
            result.count = *below_end - filter.count_by_lists(reader, view, begin).value_or(0);
            RETURN_IF_ERROR(reader.status());
            return result;
        }
    }
    CompiledFilter::Candidates candidates{.keys = {}, .is_everything = true, .texts = {}};
    if (asks_lists) candidates = filter.candidates(reader, view, end - begin);
    if (!candidates.is_everything) {
        Union merged(reader, candidates.keys, {.begin_seq = begin, .end_seq = end, .forward = request.forward});
        std::uint64_t seq = 0;
        while (merged.next(seq)) {
            const std::byte* at = reader.event(seq);
            if (at == nullptr || !take(seq, at)) break;
        }
    } else {
        for_each_range(indexes, view.layers, {.begin = begin, .end = end, .forward = request.forward},
                       [&](const SeqRange& range) {
                           for (std::uint64_t i = range.begin; i < range.end; ++i) {
                               const std::uint64_t seq = range.forward ? i : range.end - 1 - (i - range.begin);
                               const std::byte* at = reader.event(seq);
                               if (at == nullptr || !take(seq, at)) return false;
                           }
                           return true;
                       });
    }
    RETURN_IF_ERROR(reader.status());
    return result;
}

}  // namespace chronos::store
