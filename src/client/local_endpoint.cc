// The endpoint of a directory: the store itself.
#include <optional>
#include <utility>

#include "base/result.h"
#include "client/endpoint.h"
#include "wire/fork_changes.h"

namespace chronos::client {
namespace {

class LocalView final : public EndpointView {
public:
    explicit LocalView(View view) : view_(std::move(view)) {}

    [[nodiscard]] ViewInfo info() const override { return view_.info(); }
    Status read(const ReadOptions& options, EventPage& page) const override {
        return view_.read(options, page.local());
    }
    Status read_entity(std::string_view entity_id, const EntityReadOptions& options, EventPage& page) const override {
        return view_.read_entity(entity_id, options, page.local());
    }
    Status read_event(const Uuid& id, EventPage& page) const override { return view_.read_event(id, page.local()); }
    Result<State> state(std::string_view entity_id, const StateOptions& options) const override {
        return view_.state(entity_id, options);
    }
    Result<std::vector<HistoryEntry>> history(std::string_view entity_id, const StateOptions& options) const override {
        return view_.history(entity_id, options);
    }
    Result<Changes> changes(const EndpointView& before, const ChangesOptions& options) const override {
        return view_.changes(static_cast<const LocalView&>(before).view_, options);
    }
    Result<std::vector<std::string>> entities(std::string_view prefix, std::string_view after,
                                              std::uint32_t limit) const override {
        return view_.entities(prefix, after, limit);
    }
    Result<Stats> stats() const override { return view_.stats(); }
    Result<std::uint64_t> count(const Filter& filter) const override { return view_.count(filter); }

private:
    View view_;
};

class LocalEndpoint final : public Endpoint {
public:
    LocalEndpoint(Store store, std::string directory)
        : owned_(std::move(store)), store_(*owned_), directory_(std::move(directory)) {}
    LocalEndpoint(Store* store, std::string name) : store_(*store), directory_(std::move(name)) {}

    Store* local() override { return &store_; }
    [[nodiscard]] const std::string& name() const override { return directory_; }
    Result<AppendResult> append(BatchBuilder&& batch, const AppendOptions& options) override {
        return store_.append(std::move(batch), options);
    }
    Result<std::unique_ptr<EndpointView>> view(const ViewOptions& options) const override {
        ASSIGN_OR_RETURN(View view, store_.view(options));
        return std::unique_ptr<EndpointView>(std::make_unique<LocalView>(std::move(view)));
    }
    Result<ForkInfo> create_fork(const ForkOptions& options) override { return store_.create_fork(options); }
    Result<ForkInfo> fork(std::string_view id_or_name) const override { return store_.fork(id_or_name); }
    Result<std::vector<ForkInfo>> forks(const ForkListOptions& options) const override { return store_.forks(options); }
    Result<ForkInfo> extend_fork(std::string_view id_or_name, std::int64_t ttl_ns) override {
        return store_.extend_fork(id_or_name, ttl_ns);
    }
    Result<ForkInfo> discard_fork(std::string_view id_or_name) override { return store_.discard_fork(id_or_name); }
    Result<MergeResult> merge_fork(std::string_view id_or_name, const MergeOptions& options) override {
        return store_.merge_fork(id_or_name, options);
    }
    Result<Changes> fork_changes(const ForkInfo& fork, const std::string& branch,
                                 const ChangesOptions& options) const override {
        return branch.empty() ? wire::changes_of_fork(store_, fork, options)
                              : wire::changes_against(store_, fork, branch, options);
    }
    Status close() override { return owned_ ? owned_->close() : Status(); }

private:
    std::optional<Store> owned_;
    Store& store_;
    std::string directory_;
};

}  // namespace

std::unique_ptr<Endpoint> endpoint_of(Store store, std::string directory) {
    return std::make_unique<LocalEndpoint>(std::move(store), std::move(directory));
}

std::unique_ptr<Endpoint> endpoint_over(Store& store, std::string name) {
    return std::make_unique<LocalEndpoint>(&store, std::move(name));
}

}  // namespace chronos::client
