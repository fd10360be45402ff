// Who wants to hear of what: lists that change, and resources that are read anew.
//
// Lists of tools and prompts say themselves when they change. Resources do not: while anybody listens, look() reads
// each that is subscribed to and tells when its content is another than before.
//
// Threads: any; a listener's `send` is called from the thread that changed or looked, never after remove() returned.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mcp/json_rpc.h"

namespace chronos::mcp {

struct SubscriptionFilter {
    bool tools = false;
    bool prompts = false;
    bool resources = false;
    std::vector<std::string> uris;

    /// From the member "notifications" of subscriptions/listen; unknown members are left out.
    ///
    /// Errors: kInvalidArgument — not of the form; kLimitExceeded — too many resources.
    static Result<SubscriptionFilter> parse(const Json& notifications);
    [[nodiscard]] Json json() const;
};

class Subscriptions {
public:
    static constexpr std::size_t kUrisMax = 64;  ///< Of one listener.
    static constexpr std::size_t kUriBytesMax = std::size_t{8} << 10;
    static constexpr std::size_t kListenersMax = 256;

    struct Listener {
        SubscriptionFilter filter;
        /// A notification, by its method and parameters.
        std::function<void(std::string_view method, Json params)> send;
        /// What a resource holds now, for comparing; nothing when it cannot be read. Empty URI: the list of them.
        std::function<std::string(std::string_view uri)> content;
        /// What changes with whatever is appended, so that nothing is read in vain.
        std::function<std::string()> head;
    };
    /// Told when there is somebody to look for. Before the first listener.
    void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }
    /// Whether look() has anything to do.
    [[nodiscard]] bool is_watching();

    /// Its number, or 0: there are as many as may be.
    std::uint64_t add(Listener listener);
    void remove(std::uint64_t number);
    void set_filter(std::uint64_t number, SubscriptionFilter filter);

    void tools_changed();
    void prompts_changed();
    void resource_updated(std::string_view uri);
    /// Reads what is subscribed to and tells what changed. Now and then, from one thread at a time.
    void look();
    /// Reads nothing any more, so that nobody waits for it.
    void stop() { is_stopping_ = true; }

private:
    struct Entry {
        Listener listener;  ///< Its filter is guarded by the subscriptions' mutex; the rest stays as it is.
        std::mutex look_mutex;
        std::string head;                         ///< Guarded by look_mutex.
        std::map<std::string, std::size_t> seen;  ///< Hashes of contents by URI. Guarded by look_mutex.
    };
    using Entries = std::map<std::uint64_t, std::shared_ptr<Entry>>;

    /// Reads without holding the mutex, which whoever leaves must not wait for: all if anything was appended, else what
    /// is asked for anew.
    void look_at(std::uint64_t number, Entry& entry);
    [[nodiscard]] std::shared_ptr<Entry> find(std::uint64_t number);

    std::function<void()> wake_;
    std::atomic<bool> is_stopping_ = false;
    std::mutex mutex_;
    Entries entries_;         ///< Guarded by mutex_.
    std::uint64_t last_ = 0;  ///< Guarded by mutex_.
};

}  // namespace chronos::mcp
