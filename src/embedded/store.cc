// Store: opening, appending, closing. The work is done by store::Database.
#include "chronos/store.h"

#include <algorithm>
#include <utility>

#include "base/result.h"
#include "embedded/append_request.h"
#include "embedded/engine.h"
#include "embedded/memory_budget.h"
#include "event/batch_content.h"
#include "io/posix/open_file_limit.h"
#include "io/posix/posix_environment.h"
#include "store/pins.h"

namespace chronos {
namespace {

constexpr std::uint64_t kMemoryBudgetMax = std::uint64_t{4} << 30;
constexpr std::size_t kOpenFilesMin = 16;
constexpr std::size_t kOpenFilesMax = 256;

BatchBuilder builder_for(std::span<const NewEvent> events, std::span<const Condition> conditions) {
    BatchBuilder builder;
    std::vector<std::string_view> tags;
    for (const NewEvent& event : events) {
        tags.assign(event.tags.begin(), event.tags.end());
        builder.add({.entity_id = event.entity_id,
                     .event_type = event.event_type,
                     .payload = event.payload,
                     .metadata = event.metadata,
                     .tags = tags,
                     .id = event.id,
                     .occurred_at = event.occurred_at});
    }
    for (const Condition& condition : conditions) builder.add_condition(condition);
    return builder;
}

Error closed() { return base::fail(ErrorCode::kClosed, "the store is closed"); }

}  // namespace

Page::Page() = default;
Page::Page(Page&&) noexcept = default;
Page& Page::operator=(Page&&) noexcept = default;
Page::~Page() = default;

PendingAppend::PendingAppend() = default;
PendingAppend::PendingAppend(PendingAppend&&) noexcept = default;
PendingAppend& PendingAppend::operator=(PendingAppend&&) noexcept = default;
PendingAppend::~PendingAppend() = default;

Result<AppendResult> PendingAppend::get() {
    if (impl_ == nullptr) return base::fail(ErrorCode::kInvalidArgument, "this append has no answer, or it was taken");
    const auto impl = std::move(impl_);
    impl->engine->database->wait(*impl->pending);
    return impl->pending->take();
}

bool PendingAppend::ready() const { return impl_ != nullptr && impl_->pending->is_done(); }

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&& other) noexcept {
    if (this != &other) {
        if (impl_ != nullptr) (void)close();
        impl_ = std::move(other.impl_);
    }
    return *this;
}
Store::~Store() {
    if (impl_ != nullptr) (void)close();
}

Result<Store> Store::open(const OpenOptions& options) {
    store::DatabaseOptions database_options;
    database_options.log.spare_bytes = options.spare_bytes;
    database_options.accept_clock = options.accept_clock;
    database_options.memory_budget =
        options.memory_budget != 0 ? options.memory_budget : std::min(io::system_memory_bytes() / 4, kMemoryBudgetMax);
    database_options.max_merge_events = options.max_merge_events;
    database_options.fork_limit = options.fork_limit;
    database_options.on_progress = options.on_progress;
    // The rest of the program needs some as well.
    database_options.open_files_max = std::clamp(io::open_file_limit() / 4, kOpenFilesMin, kOpenFilesMax);
    if (database_options.memory_budget < embedded::kMemoryBudgetMin)
        return base::fail(ErrorCode::kInvalidArgument, "memory_budget is at least 16 MiB");
    auto impl = std::make_unique<Impl>();
    io::Environment env = io::posix_environment();
    if (options.in_memory) {
        ASSIGN_OR_RETURN(auto database, store::Database::open_in_memory(env, std::move(database_options)));
        impl->engine = std::make_shared<Engine>(std::move(database));
        return Store(std::move(impl));
    }
    if (options.directory.empty()) return base::fail(ErrorCode::kInvalidArgument, "a store needs a directory");
    database_options.on_busy = [directory = options.directory] {
        (void)io::posix_file_system().probe_durable_write(directory);  // Failing, it leaves the default.
    };
    ASSIGN_OR_RETURN(auto database, store::Database::open(env, options.directory, options.create_if_missing,
                                                          std::move(database_options)));
    impl->engine = std::make_shared<Engine>(std::move(database));
    return Store(std::move(impl));
}

Result<AppendResult> Store::append(const NewEvent& event, const ExpectedVersion& expected,
                                   const AppendOptions& options) {
    if (expected.kind == ExpectedVersion::Kind::kAny) return append({&event, 1}, {}, options);
    const Condition condition = EntityCondition{event.entity_id, expected};
    return append({&event, 1}, {&condition, 1}, options);
}

Result<AppendResult> Store::append(std::span<const NewEvent> events, std::span<const Condition> conditions,
                                   const AppendOptions& options) {
    return append(builder_for(events, conditions), options);
}

Result<AppendResult> Store::append(BatchBuilder&& batch, const AppendOptions& options) {
    if (impl_ == nullptr) return closed();
    BatchBuilder taken = std::move(batch);
    return impl_->engine->database->append(std::move(taken.content()), options);
}

Result<AppendResult> Store::append_json(std::string_view json, const AppendOptions& options) {
    ASSIGN_OR_RETURN(BatchBuilder batch, embedded::parse_append_request(json));
    return append(std::move(batch), options);
}

Result<PendingAppend> Store::append_async(BatchBuilder&& batch, const AppendOptions& options) {
    if (impl_ == nullptr) return closed();
    BatchBuilder taken = std::move(batch);
    ASSIGN_OR_RETURN(auto pending, impl_->engine->database->submit(std::move(taken.content()), options, {}, true));
    PendingAppend append;
    append.impl_ = std::make_unique<PendingAppend::Impl>();
    append.impl_->engine = impl_->engine;
    append.impl_->pending = std::move(pending);
    return append;
}

Status Store::append_async(BatchBuilder&& batch, const AppendOptions& options,
                           std::function<void(Result<AppendResult>)> done) {
    if (impl_ == nullptr) return closed();
    BatchBuilder taken = std::move(batch);
    auto pending = impl_->engine->database->submit(std::move(taken.content()), options, std::move(done), true);
    return pending.ok() ? Status() : Status(std::move(pending).error());
}

Result<View> Store::view(const ViewOptions& options) const {
    if (impl_ == nullptr) return closed();
    ASSIGN_OR_RETURN(store::PinnedView pinned, store::pin_view(*impl_->engine->database, options));
    View view;
    view.impl_ = std::make_shared<const View::Impl>(View::Impl{impl_->engine, std::move(pinned)});
    return view;
}

Uuid Store::database() const { return impl_ == nullptr ? Uuid() : impl_->engine->database->log().database(); }

Status Store::confirm_clock() {
    if (impl_ == nullptr) return closed();
    impl_->engine->database->confirm_clock();
    return {};
}

Status Store::close() {
    if (impl_ == nullptr) return {};
    return impl_->engine->database->close();
}

}  // namespace chronos
