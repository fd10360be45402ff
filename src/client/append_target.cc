#include "client/append_target.h"

#include <utility>

namespace chronos::client {
namespace {

class RemoteTarget final : public ingest::AppendTarget {
public:
    explicit RemoteTarget(Endpoint& endpoint) : endpoint_(endpoint) {}

    Result<Answer> begin(BatchBuilder&& events, const AppendOptions& options) override {
        AppendOptions sent = options;
        // Over HTTP a batch is known by its key alone.
        if (options.batch_id && !options.idempotency_key)
            sent.idempotency_key = "batch:" + options.batch_id->to_string();
        Result<AppendResult> result = endpoint_.append(std::move(events), sent);
        return Answer([result = std::move(result)] { return result; });
    }
    /// The server says which ids it knows when it is sent them.
    [[nodiscard]] bool has_event(const std::string& /*branch*/, const Uuid& /*id*/) const override { return false; }

private:
    Endpoint& endpoint_;
};

}  // namespace

std::unique_ptr<ingest::AppendTarget> append_target(Endpoint& endpoint) {
    if (Store* store = endpoint.local()) return std::make_unique<ingest::StoreTarget>(*store);
    return std::make_unique<RemoteTarget>(endpoint);
}

}  // namespace chronos::client
