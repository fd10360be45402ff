// Requests of one client that are not answered yet, by their ids: no id is taken twice at once, and each can be called
// off.
//
// Threads: any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "mcp/tool.h"

namespace chronos::mcp {

class InFlight {
public:
    using Flag = std::shared_ptr<std::atomic<bool>>;

    /// The flag that says whether the request was called off; null: its id is in use. `on_cancel` is called once if it
    /// is called off.
    Flag begin(const Json& id, std::function<void()> on_cancel = {}) {
        const std::lock_guard lock(mutex_);
        auto [entry, is_new] = entries_.try_emplace(id.dump());
        if (!is_new) return nullptr;
        entry->second = {std::make_shared<std::atomic<bool>>(false), std::move(on_cancel)};
        return entry->second.flag;
    }
    /// False: it was called off, so nothing more is to be sent.
    bool end(const Json& id) {
        const std::lock_guard lock(mutex_);
        const auto entry = entries_.find(id.dump());
        if (entry == entries_.end()) return false;
        const bool goes_on = !entry->second.flag->load();
        entries_.erase(entry);
        return goes_on;
    }
    /// Ids that are not there are passed over: the answer may be on its way.
    void cancel(const Json& id) {
        std::function<void()> on_cancel;
        {
            const std::lock_guard lock(mutex_);
            const auto entry = entries_.find(id.dump());
            if (entry == entries_.end() || entry->second.flag->exchange(true)) return;
            on_cancel = std::move(entry->second.on_cancel);
        }
        if (on_cancel) on_cancel();
    }
    void cancel_all() {
        std::vector<std::function<void()>> calls;
        {
            const std::lock_guard lock(mutex_);
            for (auto& [id, entry] : entries_) {
                if (!entry.flag->exchange(true) && entry.on_cancel) calls.push_back(std::move(entry.on_cancel));
            }
        }
        for (const auto& call : calls) call();
    }

private:
    struct Entry {
        Flag flag;
        std::function<void()> on_cancel;
    };
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;  ///< Guarded by mutex_.
};

}  // namespace chronos::mcp
