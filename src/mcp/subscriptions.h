// Who wants to hear of what: lists that change, and resources that are read anew.
//
// Lists of tools and prompts say themselves when they change. Resources do not: while anybody listens, look() reads
// each that is subscribed to and tells when its content is another than before.
//
// Threads: any; a listener's `send` is called from the thread that changed or looked, never after remove() returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
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
    /// Its number, or 0: there are as many as may be.
    std::uint64_t add(Listener listener);
    void remove(std::uint64_t number);
    void set_filter(std::uint64_t number, SubscriptionFilter filter);

    void tools_changed();
    void prompts_changed();
    void resource_updated(std::string_view uri);
    /// Reads what is subscribed to and tells what changed. Now and then, from one thread.
    void look();

private:
    struct Entry {
        Listener listener;
        std::string head;
        std::map<std::string, std::size_t> seen;  ///< Hashes of contents by URI.
    };
    void look_at(Entry& entry);

    std::mutex mutex_;
    std::map<std::uint64_t, Entry> entries_;  ///< Guarded by mutex_.
    std::uint64_t last_ = 0;                  ///< Guarded by mutex_.
};

}  // namespace chronos::mcp
