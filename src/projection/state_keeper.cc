#include "projection/state_keeper.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/result.h"
#include "store/stream.h"

namespace chronos::projection {
namespace {

/// A state is saved for so many of its bytes to an event that came since the last one; else when the stream has so many
/// times as many events as the last one.
constexpr std::uint64_t kStateBytesPerEvent = 32;
constexpr std::uint64_t kGrowth = 4;
/// Events of one turn that may have left memory, and so cost a read each.
constexpr std::uint64_t kColdEventsMax = 16'384;

}  // namespace

/// What is saved in one run, all into one file.
class StateKeeper::Turn {
public:
    explicit Turn(const StateKeeper& keeper)
        : keeper_(keeper), indexes_(keeper.database_.indexes()), published_seq_(keeper.database_.published_seq()) {}

    /// Folds a stream on and saves states on the way, and the last one.
    void fold(const Candidate& candidate) {
        const auto layers = layers_of(candidate.branch);
        if (!layers || !can_write_) return;
        store::PinnedView view;
        view.branch = candidate.branch;
        view.end_seq = std::min(candidate.end_seq, published_seq_);
        view.layers = layers->below(view.end_seq);
        const auto stream = store::Stream::find(indexes_, view.layers, candidate.entity_id);
        if (!stream || stream->newest().branch != candidate.branch) return;
        const SnapshotKey key{.hash = candidate.hash,
                              .branch = candidate.branch,
                              .fold = Fold::kMergePatch,
                              .entity_id = candidate.entity_id};
        FoldedState state = keeper_.folder_.nearest(view, *stream, key.fold);
        const std::uint64_t cold =
            candidate.first_place > state.event_count ? candidate.first_place - state.event_count : 0;
        if (cold > cold_left_) return;
        cold_left_ -= cold;
        const auto save_if_worth_it = [&](const FoldedState& folded) { save(stream->newest().stream, key, folded); };
        if (keeper_.folder_.fold_on(view, *stream, key.fold, state, save_if_worth_it).ok()) save_if_worth_it(state);
    }

    void save_kept(const SnapshotCache::Kept& kept) {
        // A state whose events are all inherited is another stream's.
        if (kept.state->event_count < kSnapshotEventsMin || kept.state->last_seq < kept.stream->first_seq()) return;
        const SnapshotKey key{.hash = indexes_.streams().hash(kept.stream->branch(), kept.stream->key()),
                              .branch = kept.stream->branch(),
                              .fold = kept.fold,
                              .entity_id = kept.stream->key()};
        save(kept.stream, key, *kept.state);
    }

    void finish() {
        if (writer_ != nullptr && can_write_ && !writer_->empty()) (void)keeper_.saved_.add(*writer_);
    }

private:
    using StreamAndFold = std::pair<const index::StreamHead*, Fold>;

    /// Events of the longest saved state, those of this turn included.
    std::uint64_t longest(const index::StreamHead* stream, const SnapshotKey& key) {
        const auto [known, is_new] = saved_.try_emplace({stream, key.fold}, 0);
        if (is_new) known->second = keeper_.saved_.longest(key);
        return known->second;
    }

    void save(const index::StreamHead* stream, const SnapshotKey& key, const FoldedState& state) {
        if (!can_write_) return;
        const std::uint64_t before = longest(stream, key);
        if (state.event_count < before + kSnapshotEventsMin) return;
        const std::string json = state.tree.to_json();
        if (json.size() > kSavedJsonSizeMax) return;
        const bool has_grown = state.event_count >= before * kGrowth;
        if (!has_grown && (state.event_count - before) * kStateBytesPerEvent < json.size()) return;
        store::Reader reader(indexes_);
        const std::int64_t last_recorded_at = reader.recorded_at(state.last_seq);
        if (!reader.ok()) return;
        if (writer_ == nullptr) {
            auto begun = keeper_.saved_.begin();
            can_write_ = begun.ok();
            if (!can_write_) return;
            writer_ = std::move(begun).value();
        }
        writer_->add({.key = key, .state = &state, .json = json, .last_recorded_at = last_recorded_at});
        can_write_ = writer_->status().ok();
        saved_[{stream, key.fold}] = state.event_count;
    }

    const std::optional<store::Layers>& layers_of(event::BranchNumber branch) {
        const auto [known, is_new] = layers_.try_emplace(branch);
        if (!is_new) return known->second;
        if (branch <= event::kSystemBranch) {
            known->second = store::Layers({.branch = branch, .end_seq = published_seq_});
        } else if (const auto fork = keeper_.database_.branches().find(branch, published_seq_)) {
            // Nobody asks for states of a fork that is gone.
            if (const auto resolved = keeper_.database_.branches().resolve(fork->id, published_seq_); resolved.ok())
                known->second = resolved->layers;
        }
        return known->second;
    }

    const StateKeeper& keeper_;
    const store::IndexSet& indexes_;
    const std::uint64_t published_seq_;
    std::uint64_t cold_left_ = kColdEventsMax;
    std::map<event::BranchNumber, std::optional<store::Layers>> layers_;
    std::map<StreamAndFold, std::uint64_t> saved_;
    std::unique_ptr<SnapshotFileWriter> writer_;
    bool can_write_ = true;
};

StateKeeper::StateKeeper(const store::Database& database, const StateFolder& folder, SnapshotCache& cache,
                         SavedStates& saved)
    : database_(database),
      folder_(folder),
      cache_(cache),
      saved_(saved),
      seen_seq_(database.indexes().parts()->files_end()) {}

void StateKeeper::add_from_file(const index::IndexFile& file, std::vector<Candidate>& found) const {
    (void)file.for_each_key(index::KeyKind::kEntity, [&](const index::IndexFile::KeyEntry& entry) {
        if (entry.list.count >= kSnapshotEventsMin)
            found.push_back({.entity_id = std::string(entry.key),
                             .branch = entry.branch,
                             .hash = entry.hash,
                             .first_place = entry.list.first_place,
                             .end_seq = file.end_seq()});
        return true;
    });
}

void StateKeeper::add_from_memory(const index::MemoryPart& part, std::uint64_t end_seq,
                                  std::vector<Candidate>& found) const {
    store::Reader reader(database_.indexes());
    const auto& streams = part.streams();
    for (std::uint64_t i = 0; i < streams.size(); ++i) {
        const index::StreamHead& stream = *streams[i];
        if (stream.count() < kSnapshotEventsMin) continue;
        const auto key = store::posting_key(database_.indexes(), index::KeyKind::kEntity,
                                            {.branch = stream.branch(), .end_seq = end_seq}, stream.key());
        if (!key) continue;
        const std::uint64_t first_place = store::count_below(reader, *key, part.begin_seq());
        if (store::count_below(reader, *key, end_seq) >= first_place + kSnapshotEventsMin)
            found.push_back({.entity_id = std::string(stream.key()),
                             .branch = stream.branch(),
                             .hash = key->hash,
                             .first_place = first_place,
                             .end_seq = end_seq});
    }
}

/// One candidate for each stream, from its first part to its last.
std::vector<StateKeeper::Candidate> StateKeeper::joined(std::vector<Candidate> found) {
    const auto stream_of = [](const Candidate& candidate) {
        return std::tuple(candidate.hash, candidate.branch, std::string_view(candidate.entity_id));
    };
    std::stable_sort(found.begin(), found.end(),
                     [&](const Candidate& a, const Candidate& b) { return stream_of(a) < stream_of(b); });
    std::vector<Candidate> joined;
    for (Candidate& each : found) {
        if (!joined.empty() && stream_of(joined.back()) == stream_of(each)) {
            joined.back().end_seq = each.end_seq;
        } else {
            joined.push_back(std::move(each));
        }
    }
    return joined;
}

/// Streams with many events in parts that were not looked at yet.
std::vector<StateKeeper::Candidate> StateKeeper::candidates(Occasion occasion) {
    std::vector<Candidate> found;
    const auto parts = database_.indexes().parts();
    for (const store::FilePart& part : parts->files)
        if (part.file->end_seq() > seen_seq_) add_from_file(*part.file, found);
    seen_seq_ = std::max(seen_seq_, parts->files_end());
    if (occasion != Occasion::kClosing) return joined(std::move(found));
    const std::uint64_t published_seq = database_.published_seq();
    for (const auto& part : parts->memory)
        if (part->end_seq() > seen_seq_) add_from_memory(*part, std::min(part->end_seq(), published_seq), found);
    return joined(std::move(found));
}

void StateKeeper::run(Occasion occasion) {
    const std::vector<Candidate> found = candidates(occasion);
    const std::vector<SnapshotCache::Kept> kept = cache_.take_unsaved();
    if (found.empty() && kept.empty()) return;
    Turn turn(*this);
    // What is in memory first: folding goes on from there.
    for (const SnapshotCache::Kept& each : kept) turn.save_kept(each);
    for (const Candidate& candidate : found) turn.fold(candidate);
    turn.finish();
    (void)saved_.merge_once();
}

}  // namespace chronos::projection
