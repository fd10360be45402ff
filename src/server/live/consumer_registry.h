// Durable consumers: named places in a branch, each moved by whoever processes the events, kept as events in the
// server's system store.
//
// A consumer belongs to one owner at a time, by lease. Acknowledgements are answered at once and written at most once a
// second, all together, and when the server closes: after a crash a second of them may be lost, so that those events
// come again. An acknowledgement that asks for it is on disk when it is answered.
//
// Every event of a consumer carries all that is known of it, so that opening reads one event of each.
//
// Threads: any. One thread inside writes what was acknowledged.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "chronos/store.h"
#include "io/environment.h"
#include "server/live/event_source.h"

namespace chronos::server {

struct Lease {
    std::string owner;
    Timestamp until;
};

struct ConsumerInfo {
    std::string tenant;
    std::string name;
    std::string filters = "{}";  ///< As they were given: a JSON object.
    SourceOptions source;        ///< The same, understood; its branch is an id, never a name.
    Timestamp created_at;
    Timestamp filters_at;                      ///< When the filters were given: relative times in them count from here.
    std::optional<Position> position;          ///< Everything up to here was acknowledged; absent: nothing.
    std::optional<Position> durable_position;  ///< Of that, what a crash does not undo.
    std::optional<Lease> lease;                ///< Absent also when it has run out.
};

/// What to read out of {"filters": {…}, "event_type_filters": […]}; relative times count from `given_at`.
///
/// Errors: kInvalidArgument, kLimitExceeded.
Result<SourceOptions> parse_consumer_source(const std::string& branch, const std::string& filters,
                                            std::vector<std::string> patterns, Timestamp given_at);

class ConsumerRegistry {
public:
    static Result<std::unique_ptr<ConsumerRegistry>> open(Store& system, io::Environment world);
    ~ConsumerRegistry();
    ConsumerRegistry(const ConsumerRegistry&) = delete;
    ConsumerRegistry& operator=(const ConsumerRegistry&) = delete;

    struct Made {
        ConsumerInfo info;
        bool is_new = false;
    };
    /// Durable when it returns. One that is there is answered as it is.
    ///
    /// Errors: kInvalidArgument — the name; kLimitExceeded; those of appends.
    Result<Made> create(ConsumerInfo consumer);
    /// Errors: kNotFound.
    Result<ConsumerInfo> find(const std::string& tenant, const std::string& name) const;
    [[nodiscard]] std::vector<ConsumerInfo> list(const std::string& tenant) const;

    struct LeaseAnswer {
        bool is_granted = false;
        ConsumerInfo info;  ///< If not granted, with the lease that stands in the way.
    };
    /// Gives one that is there the filters of `wanted`, unless another owner has it; its place stays. The same words
    /// are other filters where they are relative to another time. Durable when it returns. Errors: kNotFound;
    /// kAlreadyExists — it follows another branch; those of appends.
    Result<LeaseAnswer> set_filters(const ConsumerInfo& wanted, const std::string& owner);
    /// Takes or renews the lease, if nobody else has it; `seconds` 0 gives it back. Waits for changes that are being
    /// written. Errors: kNotFound.
    Result<LeaseAnswer> take_lease(const std::string& tenant, const std::string& name, const std::string& owner,
                                   std::uint32_t seconds);

    /// Never moves back. `is_durable`: on disk when it returns. Errors: kNotFound; those of appends.
    Result<ConsumerInfo> acknowledge(const std::string& tenant, const std::string& name, Position position,
                                     bool is_durable);
    /// Nothing between the place of `seen` and `to` concerns it. Does nothing if the consumer stands elsewhere or has
    /// other filters by now.
    void pass_over(const ConsumerInfo& seen, Position to);
    /// Moves it anywhere; durable when it returns. Not granted while another owner than `owner` has the lease; nothing:
    /// whoever has it. Errors: kNotFound; those of appends.
    Result<LeaseAnswer> reset(const std::string& tenant, const std::string& name, std::optional<Position> position,
                              const std::optional<std::string>& owner);
    /// Errors: kNotFound; those of appends.
    Status remove(const std::string& tenant, const std::string& name);

    /// Writes what is not written yet and ends the thread. Called before the system store is closed.
    Status close();

private:
    using Key = std::pair<std::string, std::string>;
    ConsumerRegistry(Store& system, io::Environment world) : system_(system), world_(world) {}

    Status load();
    Status append(const ConsumerInfo& consumer, std::string_view event_type);
    /// All acknowledgements that are not on disk. Requires: change_mutex_.
    Status write_acknowledged();
    void write_now_and_then();
    /// Requires: mutex_.
    Result<ConsumerInfo*> entry(const std::string& tenant, const std::string& name);
    void drop_old_lease(ConsumerInfo& info) const;
    void wake_writer();

    Store& system_;
    io::Environment world_;
    /// Held while a change is written, so that the log has changes in the order in which they were made, and while a
    /// lease changes hands, so that whose it is stays true until a change is written.
    std::mutex change_mutex_;
    mutable std::mutex mutex_;
    std::map<Key, ConsumerInfo> consumers_;  // guarded by mutex_
    std::condition_variable woken_;
    bool has_unwritten_ = false;  // guarded by mutex_
    bool is_closing_ = false;     // guarded by mutex_
    std::thread writer_;
};

}  // namespace chronos::server
