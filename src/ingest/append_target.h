// Where batches are appended to: a store, or something that asks one.
//
// Threads: one for each object.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "chronos/store.h"

namespace chronos::ingest {

class AppendTarget {
public:
    AppendTarget() = default;
    AppendTarget(const AppendTarget&) = delete;
    AppendTarget& operator=(const AppendTarget&) = delete;
    virtual ~AppendTarget() = default;

    /// Waits for the answer.
    using Answer = std::function<Result<AppendResult>()>;
    /// Begins to append. Errors: those of Store::append_async.
    virtual Result<Answer> begin(BatchBuilder&& events, const AppendOptions& options) = 0;
    /// Whether the event is there; false where asking costs more than it saves.
    [[nodiscard]] virtual bool has_event(const std::string& branch, const Uuid& id) const = 0;
};

class StoreTarget final : public AppendTarget {
public:
    /// Requires: the store outlives this.
    explicit StoreTarget(Store& store) : store_(store) {}

    Result<Answer> begin(BatchBuilder&& events, const AppendOptions& options) override {
        ASSIGN_OR_RETURN(PendingAppend pending, store_.append_async(std::move(events), options));
        // A function is copied, which an answer under way cannot be.
        return Answer([held = std::make_shared<PendingAppend>(std::move(pending))] { return held->get(); });
    }
    [[nodiscard]] bool has_event(const std::string& branch, const Uuid& id) const override {
        const Result<View> view = store_.view({.branch = branch});
        Page page;
        return view.ok() && view->read_event(id, page).ok();
    }

private:
    Store& store_;
};

}  // namespace chronos::ingest
