// What a store must hold, told by what was sent to it and what it answered.
//
//     placed_:   [ durable: must be there, in place ............ | open: a prefix of it may be there ]
//                                                              durable_count_
//
// A batch becomes durable when an answer, a published seq or a reopened store showed it. Everything is judged from the
// promises of docs/reliability.md, nothing from the engine's workings.
//
// Use:    submitted() for each append that was accepted for an answer, answered() with the answer,
//         recovered() after each open. Each returns what was wrong, or an empty text.
// Threads: used by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "event/body.h"
#include "simulation/sent_batch.h"
#include "store/database.h"
#include "store/reader.h"
#include "store/seq_cursor.h"

namespace chronos::testing {

/// How an answer begins that is an honest error of a read.
inline const std::string kCannotRead = "cannot read: ";

/// The operating system failed a read, as it was told to: asking again may answer.
inline bool is_failed_read(const std::string& wrong) {
    return wrong.starts_with(kCannotRead) &&
           (wrong.find("power cut") != std::string::npos || wrong.find("Input/output error") != std::string::npos ||
            wrong.find("crashed") != std::string::npos);
}

/// A read met damage and named the file.
inline bool is_found_damage(const std::string& wrong) {
    return wrong.find(kCannotRead) != std::string::npos &&
           (wrong.find(".log") != std::string::npos || wrong.find(".idx") != std::string::npos);
}

/// All of main.
inline store::Layers main_layers() {
    return store::Layers(store::Layer{.branch = event::kMainBranch, .end_seq = store::kWritersView});
}

class Oracle {
public:
    enum class Expect : std::uint8_t { kPlaced, kChecked, kConflict, kDuplicate, kOtherContent, kPartlyKnown };

    /// An append that waits for its answer.
    struct Submission {
        SentBatch batch;
        Expect expect = Expect::kPlaced;
        std::size_t placed_before = 0;  ///< Batches placed when it was judged, its own included.
        std::size_t index = 0;          ///< Of its own, or of the first one for a duplicate.
    };

    /// The store took `batch` and will answer. Predicts the answer.
    Submission submitted(const SentBatch& batch) {
        Submission submission{.batch = batch, .expect = predict(batch)};
        if (submission.expect == Expect::kPlaced) {
            if (batch.events.empty()) {
                submission.expect = Expect::kChecked;
            } else {
                submission.index = placed_.size();
                place(batch);
            }
        } else if (submission.expect == Expect::kDuplicate) {
            submission.index = known_index(batch);
        }
        submission.placed_before = placed_.size();
        return submission;
    }

    std::string answered(const Submission& submission, const Result<AppendResult>& answer) {
        // What is known of its ids could not be read; nothing was appended.
        const bool is_known = submission.expect == Expect::kDuplicate || submission.expect == Expect::kOtherContent ||
                              submission.expect == Expect::kPartlyKnown;
        if (is_known && !answer.ok() && answer.error().code == ErrorCode::kIo &&
            answer.error().outcome == Outcome::kNotAppended)
            return "";
        if (!answer.ok() && answer.error().code == ErrorCode::kIndeterminate)
            return indeterminate(submission, answer.error());
        const bool was_synced = submission.batch.options.durability == Durability::kDurable ||
                                (answer.ok() && answer->durability == Durability::kDurable);
        if (was_synced) durable_count_ = std::max(durable_count_, submission.placed_before);
        switch (submission.expect) {
            case Expect::kPlaced:
            case Expect::kDuplicate: return placed_answer(submission, answer);
            case Expect::kChecked:
                if (!answer.ok()) return "a check that holds was refused: " + answer.error().message;
                return answer->events.empty() ? "" : "a check returned events";
            case Expect::kConflict: return refused(answer, ErrorCode::kVersionConflict);
            case Expect::kOtherContent: return refused(answer, ErrorCode::kIdConflict);
            case Expect::kPartlyKnown: return refused(answer, ErrorCode::kPartialDuplicate);
        }
        return "";
    }

    /// Readers were shown everything below `seq`, so it must not vanish.
    std::string published(const store::Database& database) {
        const std::uint64_t positions =
            store::position_end(database.indexes(), main_layers(), database.published_seq());
        std::size_t count = 0;
        while (count < placed_.size() && placed_[count].first_position < positions) ++count;
        if (count > 0 && placed_[count - 1].first_position + placed_[count - 1].sent.events.size() > positions)
            return "part of a batch was published";
        if (count == 0 && positions > 0) return "events were published that were never sent";
        durable_count_ = std::max(durable_count_, count);
        return "";
    }

    /// Compares a store that was just opened with what it must hold; what it shows counts as durable from now on.
    std::string recovered(const store::Database& database) {
        if (std::string wrong = matches_store(database); !wrong.empty()) return wrong;
        const std::uint64_t positions = store::position_end(database.indexes(), main_layers(), store::kWritersView);
        std::size_t count = 0;
        while (count < placed_.size() && placed_[count].first_position < positions) ++count;
        while (placed_.size() > count) take_back();
        durable_count_ = count;
        return "";
    }

    /// Every visible event is the one that was placed there; every durable one is visible.
    [[nodiscard]] std::string matches_store(const store::Database& database);

    /// The last `count` batches need not be there; for damage that looks like a torn write.
    void allow_loss_of_last(std::size_t count) { durable_count_ = placed_.size() - std::min(count, placed_.size()); }

    [[nodiscard]] std::size_t placed_count() const { return placed_.size(); }
    [[nodiscard]] std::size_t durable_count() const { return durable_count_; }
    [[nodiscard]] std::uint64_t next_position() const {
        return placed_.empty() ? 0 : placed_.back().first_position + placed_.back().sent.events.size();
    }
    [[nodiscard]] std::uint64_t version_of(const std::string& entity) const {
        const auto found = versions_.find(entity);
        return found == versions_.end() ? 0 : found->second;
    }
    [[nodiscard]] const SentBatch& placed_batch(std::size_t index) const { return placed_[index].sent; }

private:
    struct Placed {
        SentBatch sent;
        std::uint64_t first_position = 0;
        std::vector<std::uint64_t> versions;
        // Known once answered or seen:
        std::vector<Uuid> ids;
        std::optional<Timestamp> recorded_at;
    };

    static bool same_content(const SentEvent& a, const SentEvent& b) {
        return a.entity_id == b.entity_id && a.event_type == b.event_type && a.payload == b.payload &&
               a.stored_tags() == b.stored_tags() && (!b.occurred_at || a.occurred_at == b.occurred_at);
    }

    [[nodiscard]] static std::string key_of(const SentBatch& batch) {
        if (batch.options.idempotency_key) return "key " + *batch.options.idempotency_key;
        if (batch.options.batch_id) return "batch " + batch.options.batch_id->to_string();
        return "";
    }

    /// Index of the placed batch that `batch` repeats. Requires: there is one.
    [[nodiscard]] std::size_t known_index(const SentBatch& batch) const {
        const auto by_key = batches_.find(key_of(batch));
        return by_key != batches_.end() ? by_key->second : ids_.at(*batch.events.front().id);
    }

    [[nodiscard]] Expect predict(const SentBatch& batch) const {
        if (const auto known = batches_.find(key_of(batch)); known != batches_.end())
            return compare(batch, known->second);
        std::size_t known_count = 0;
        for (const SentEvent& event : batch.events) known_count += event.id && ids_.contains(*event.id) ? 1U : 0U;
        if (known_count == batch.events.size() && known_count > 0) return compare(batch, known_index(batch));
        if (known_count > 0) return is_other_content(batch) ? Expect::kOtherContent : Expect::kPartlyKnown;
        return conditions_hold(batch) ? Expect::kPlaced : Expect::kConflict;
    }

    /// Whether an id of the batch is known with another event.
    [[nodiscard]] bool is_other_content(const SentBatch& batch) const {
        for (const SentEvent& event : batch.events) {
            const auto known = event.id ? ids_.find(*event.id) : ids_.end();
            if (known == ids_.end()) continue;
            for (const SentEvent& first : placed_[known->second].sent.events)
                if (first.id == event.id && !same_content(first, event)) return true;
        }
        return false;
    }

    [[nodiscard]] Expect compare(const SentBatch& batch, std::size_t index) const {
        const std::vector<SentEvent>& first = placed_[index].sent.events;
        if (first.size() != batch.events.size()) return Expect::kOtherContent;
        for (std::size_t i = 0; i < first.size(); ++i)
            if (!same_content(first[i], batch.events[i])) return Expect::kOtherContent;
        return Expect::kDuplicate;
    }

    [[nodiscard]] bool conditions_hold(const SentBatch& batch) const {
        for (const Condition& condition : batch.conditions) {
            if (const auto* entity = std::get_if<EntityCondition>(&condition)) {
                if (!holds(entity->expected, version_of(entity->entity_id))) return false;
            } else if (any_matches(std::get<NoEventMatches>(condition))) {
                return false;
            }
        }
        std::map<std::string, std::uint64_t> earlier;
        for (const SentEvent& event : batch.events) {
            if (!holds(event.expected_version, version_of(event.entity_id) + earlier[event.entity_id])) return false;
            ++earlier[event.entity_id];
        }
        return true;
    }

    [[nodiscard]] bool any_matches(const NoEventMatches& condition) const {
        for (const Placed& placed : placed_) {
            std::uint64_t position = placed.first_position;
            for (const SentEvent& event : placed.sent.events) {
                if ((!condition.after || position > condition.after->value) && matches(condition.query, event))
                    return true;
                ++position;
            }
        }
        return false;
    }

    void place(const SentBatch& batch) {
        Placed placed{.sent = batch, .first_position = next_position()};
        for (const SentEvent& event : batch.events) {
            placed.versions.push_back(++versions_[event.entity_id]);
            if (event.id) ids_[*event.id] = placed_.size();
        }
        if (const std::string key = key_of(batch); !key.empty()) batches_[key] = placed_.size();
        placed_.push_back(std::move(placed));
    }

    void take_back() {
        const Placed& placed = placed_.back();
        for (const SentEvent& event : placed.sent.events) {
            --versions_[event.entity_id];
            if (event.id) ids_.erase(*event.id);
        }
        batches_.erase(key_of(placed.sent));
        placed_.pop_back();
    }

    static std::string refused(const Result<AppendResult>& answer, ErrorCode code) {
        if (answer.ok()) return "an append was accepted that had to be refused: " + std::string(error_code_name(code));
        if (answer.error().code != code)
            return "refused with " + std::string(error_code_name(answer.error().code)) + " (" + answer.error().message +
                   "), expected " + std::string(error_code_name(code));
        if (answer.error().outcome != Outcome::kNotAppended) return "a refusal whose outcome is unknown";
        if (code == ErrorCode::kVersionConflict &&
            (!answer.error().append_failure || answer.error().append_failure->conditions.empty()))
            return "a conflict that names no condition";
        return "";
    }

    std::string indeterminate(const Submission& submission, const Error& error) {
        if (error.outcome != Outcome::kUnknown) return "an indeterminate answer says that its outcome is known";
        const bool has_ids = submission.expect == Expect::kPlaced || submission.expect == Expect::kDuplicate;
        if (!has_ids) return "";
        if (!error.append_failure || error.append_failure->event_ids.size() != submission.batch.events.size())
            return "an indeterminate answer without its event ids";
        if (Placed& placed = placed_[submission.index]; placed.ids.empty())
            placed.ids = error.append_failure->event_ids;
        return "";
    }

    std::string placed_answer(const Submission& submission, const Result<AppendResult>& answer) {
        if (!answer.ok()) return "refused: " + answer.error().message;
        Placed& placed = placed_[submission.index];
        const bool repeats = submission.expect == Expect::kDuplicate;
        if (answer->duplicate != repeats)
            return repeats ? "a retry was not recognised" : "a new batch is called a duplicate";
        if (answer->events.size() != placed.sent.events.size()) return "an answer with the wrong number of events";
        for (std::size_t i = 0; i < answer->events.size(); ++i) {
            const AppendedEvent& event = answer->events[i];
            if (event.position.value != placed.first_position + i) return "answered a wrong position";
            if (event.version.value != placed.versions[i]) return "answered a wrong version";
            if (placed.sent.events[i].id && event.id != *placed.sent.events[i].id) return "answered another id";
            if (i < placed.ids.size() && event.id != placed.ids[i]) return "a retry was answered with another id";
        }
        if (placed.recorded_at && *placed.recorded_at != answer->recorded_at) return "a retry has another recorded_at";
        if (placed.ids.empty())
            for (const AppendedEvent& event : answer->events) placed.ids.push_back(event.id);
        placed.recorded_at = answer->recorded_at;
        return "";
    }

    std::vector<Placed> placed_;
    std::size_t durable_count_ = 0;
    std::map<std::string, std::uint64_t> versions_;
    std::map<Uuid, std::size_t> ids_;
    std::map<std::string, std::size_t> batches_;
};

inline std::string Oracle::matches_store(const store::Database& database) {
    const std::uint64_t end_seq = database.published_seq();
    store::Reader reader(database.indexes());
    store::Reader by_id(database.indexes());
    std::size_t batch_index = 0;
    std::size_t ordinal = 0;
    std::uint64_t position = 0;
    std::int64_t last_recorded_at = 0;
    std::map<std::string, std::uint64_t> versions;
    const auto at = [&](const std::string& what) { return "position " + std::to_string(position) + ": " + what; };
    for (std::uint64_t seq = 0; seq < end_seq; ++seq) {
        const store::Reader::Found place = reader.find(seq);
        if (place.at == nullptr) return kCannotRead + reader.status().error().message;
        const event::EventBytes found(place.at);
        const event::BodyHeader header = event::BodyView(found.body()).header();
        const bool starts = found.header().ordinal == 0;
        if (starts && header.recorded_at <= last_recorded_at) return at("recorded_at does not increase");
        last_recorded_at = header.recorded_at;
        if (header.branch != event::kMainBranch) continue;
        if (header.first_position + found.header().ordinal != position) return at("positions have a gap");
        if (batch_index == placed_.size()) return at("an event that was never sent, or was refused");

        Placed& placed = placed_[batch_index];
        const SentEvent& sent = placed.sent.events[ordinal];
        if (header.event_count != placed.sent.events.size() || found.header().ordinal != ordinal)
            return at("a batch is not whole");
        if (found.entity() != sent.entity_id || found.type() != sent.event_type) return at("another entity or type");
        if (found.payload() != sent.payload || found.metadata() != sent.metadata) return at("other bytes");
        std::string tags;
        for (const std::string& tag : sent.stored_tags()) tags += tag + "\n";
        std::string found_tags;
        event::for_each_tag(found.encoded_tags(), [&](std::string_view tag) { found_tags += std::string(tag) + "\n"; });
        if (found_tags != tags) return at("other tags");
        if (found.occurred_at() != (sent.occurred_at ? sent.occurred_at->ns : header.recorded_at))
            return at("another time");
        if (placed.recorded_at && placed.recorded_at->ns != header.recorded_at) return at("another recorded_at");
        placed.recorded_at = Timestamp{header.recorded_at};
        if (sent.id && found.id() != *sent.id) return at("another id than was sent");
        if (ordinal < placed.ids.size() && found.id() != placed.ids[ordinal]) return at("another id than was answered");
        if (ordinal >= placed.ids.size()) placed.ids.push_back(found.id());
        if (place.place + 1 != placed.versions[ordinal]) return at("another version");
        const auto found_seq = by_id.find_id(found.id(), main_layers(), 0, end_seq);
        if (!by_id.ok()) return kCannotRead + by_id.status().error().message;
        if (found_seq != seq) return at("not found by id");
        ++versions[sent.entity_id];
        ++position;
        if (++ordinal == placed.sent.events.size()) {
            ordinal = 0;
            ++batch_index;
        }
    }
    if (ordinal != 0) return at("the last batch is not whole");
    if (batch_index < durable_count_)
        return "lost: " + std::to_string(durable_count_ - batch_index) + " durable batches of " +
               std::to_string(durable_count_) + ", from position " + std::to_string(position);
    for (const auto& [entity, version] : versions) {
        const auto stream =
            store::posting_key(database.indexes(), index::KeyKind::kEntity, main_layers().own(), entity);
        const std::uint64_t counted = stream ? store::count_below(reader, *stream, end_seq) : 0;
        if (!reader.ok()) return kCannotRead + reader.status().error().message;
        if (counted != version) return "the index has another version of " + entity;
        std::uint64_t walked = 0;
        for (store::SeqCursor cursor(reader, *stream, {.end_seq = end_seq}); !cursor.done(); cursor.next()) ++walked;
        if (!reader.ok()) return kCannotRead + reader.status().error().message;
        if (walked != version) return "the index walks another number of events of " + entity;
    }
    return "";
}

}  // namespace chronos::testing
