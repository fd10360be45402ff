// Follower: catches up by scanning what is published, then waits for publications. Pull, so its speed is its own
// affair.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <span>
#include <thread>

#include "base/result.h"
#include "chronos/store.h"
#include "embedded/engine.h"
#include "io/posix/event_fd.h"
#include "store/filter.h"
#include "store/pins.h"

namespace chronos {
namespace {

constexpr std::uint32_t kFollowPageMax = 10'000;
constexpr std::uint32_t kStopCheckMs = 1'000;

}  // namespace

struct Follower::Impl final : store::PublishListener {
    std::shared_ptr<Engine> engine;
    store::CompiledFilter filter;
    store::ResolvedBranch branch;
    std::size_t page_bytes = 0;
    std::uint64_t next_seq = 0;  // the follower's thread's

    std::mutex mutex;
    std::condition_variable changed;
    std::unique_ptr<io::EventFd> event_fd;  // guarded by mutex
    bool is_signalled = false;              // guarded by mutex; event_fd is readable
    bool stopped = false;                   // guarded by mutex

    void on_published(std::uint64_t) override {
        const std::lock_guard lock(mutex);
        signal();
        changed.notify_all();
    }
    /// Requires: the mutex. A reader that is slow to look is told once: that costs the committer nothing more.
    void signal() {
        if (event_fd == nullptr || is_signalled) return;
        is_signalled = true;
        event_fd->signal();
    }
    void clear_signal() {
        const std::lock_guard lock(mutex);
        if (event_fd == nullptr || !is_signalled) return;
        is_signalled = false;
        event_fd->clear();
    }
    void stop() {
        const std::lock_guard lock(mutex);
        stopped = true;
        changed.notify_all();
    }
    ~Impl() override {
        if (engine != nullptr) engine->database->remove_listener(this);
    }

    /// A fork that has ended has no further events.
    [[nodiscard]] Status check_not_gone() const {
        if (branch.number <= event::kSystemBranch) return {};
        const auto fork = engine->database->branches().find(branch.number, next_seq);
        return fork && fork->status == ForkStatus::kLive ? Status()
                                                         : engine->database->branches().check_live(branch.number);
    }

    /// Adds events until they reach `page_bytes`; the first in any case.
    Status add_within_size(store::Reader& reader, std::span<const std::uint64_t> seqs, Page& page) const {
        std::size_t bytes = 0;
        std::size_t looked_at = 0;
        while (looked_at < seqs.size()) {
            const auto group = seqs.subspan(looked_at, std::min(seqs.size() - looked_at, store::kLookupGroup));
            RETURN_IF_ERROR(store::add_events(reader, group, page));
            for (; looked_at < page.events_.size(); ++looked_at) {
                bytes += page.events_[looked_at].payload.size() + page.events_[looked_at].metadata.size();
                if (bytes < page_bytes) continue;
                page.events_.resize(looked_at + 1);
                return {};
            }
        }
        return {};
    }

    /// Gives what is published behind next_seq; returns whether anything came.
    Result<bool> take(std::uint32_t max, Page& page) {
        const store::IndexSet& indexes = engine->database->indexes();
        store::PinnedView view;
        view.branch = branch.number;
        view.end_seq = view.published_seq = engine->database->published_seq();
        view.layers = view.published_layers = branch.layers.below(view.end_seq);
        store::reset(page);
        ASSIGN_OR_RETURN(const store::ScanResult found,
                         store::scan(indexes, view, filter,
                                     {.begin_seq = next_seq, .end_seq = view.end_seq, .forward = true, .limit = max}));
        store::Reader reader(indexes, store::reading_into(page));
        const Status added = add_within_size(reader, found.seqs, page);
        own(page, engine);
        RETURN_IF_ERROR(added);
        const std::size_t count = page.events_.size();
        page.has_more_ = found.has_more || count < found.seqs.size();
        next_seq = page.has_more_ ? found.seqs[count - 1] + 1 : std::max(next_seq, view.end_seq);
        page.examined_ = found.examined;
        return !found.seqs.empty();
    }
};

Follower::Follower(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Follower::Follower(Follower&&) noexcept = default;
Follower& Follower::operator=(Follower&&) noexcept = default;
Follower::~Follower() = default;

Status Follower::next(std::uint32_t max, std::uint32_t timeout_ms, Page& page) {
    if (max < 1 || max > kFollowPageMax) return base::fail(ErrorCode::kLimitExceeded, "max is 1 to 10000");
    io::Clock& clock = impl_->engine->database->clock();
    const std::int64_t deadline_ns = clock.monotonic_ns() + std::int64_t{timeout_ms} * 1'000'000;
    while (true) {
        impl_->clear_signal();
        ASSIGN_OR_RETURN(const bool has_events, impl_->take(max, page));
        if (!has_events) {
            if (Status gone = impl_->check_not_gone(); !gone.ok()) {
                impl_->branch.hold.reset();  // Nothing more is read.
                return gone;
            }
        }
        if (has_events) {
            const std::lock_guard lock(impl_->mutex);
            if (page.has_more_) impl_->signal();
            return {};
        }
        std::unique_lock lock(impl_->mutex);
        const auto has_news = [&] {
            return impl_->stopped || impl_->engine->database->is_closed() ||
                   impl_->engine->database->published_seq() > impl_->next_seq;
        };
        const std::int64_t left_ns = std::max<std::int64_t>(0, deadline_ns - clock.monotonic_ns());
        if (!impl_->changed.wait_for(lock, std::chrono::nanoseconds(left_ns), has_news)) return {};
        if (impl_->stopped) return {};
        if (impl_->engine->database->published_seq() <= impl_->next_seq)
            return base::fail(ErrorCode::kClosed, "the store was closed");
    }
}

Result<int> Follower::event_fd() {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->event_fd == nullptr) {
        ASSIGN_OR_RETURN(impl_->event_fd, io::EventFd::create());
        impl_->signal();  // There may be news already.
    }
    return impl_->event_fd->fd();
}

std::optional<Position> Follower::position() const {
    const std::uint64_t positions =
        store::position_end(impl_->engine->database->indexes(), impl_->branch.layers, impl_->next_seq);
    return positions == 0 ? std::nullopt : std::optional(Position{positions - 1});
}

Result<Follower> Store::follow(const FollowOptions& options) const {
    if (impl_ == nullptr) return base::fail(ErrorCode::kClosed, "the store is closed");
    if (options.from_head && options.after)
        return base::fail(ErrorCode::kInvalidArgument, "follow from the head or after a position, not both");
    ViewOptions view_options;
    view_options.branch = options.branch;
    ASSIGN_OR_RETURN(const store::PinnedView view, store::pin_view(*impl_->engine->database, view_options));
    auto follower = std::make_unique<Follower::Impl>();
    ASSIGN_OR_RETURN(follower->filter, store::CompiledFilter::compile(options.filter));
    ASSIGN_OR_RETURN(follower->branch, impl_->engine->database->resolve(options.branch, view.published_seq));
    if (options.from_head) follower->next_seq = view.end_seq;
    if (options.after) {
        const store::IndexSet& indexes = impl_->engine->database->indexes();
        const std::uint64_t positions = store::position_end(indexes, view.layers, view.end_seq);
        if (options.after->value >= positions)
            return base::fail(ErrorCode::kInvalidArgument, "after " + std::to_string(options.after->value) +
                                                               " is beyond the head: the branch has " +
                                                               std::to_string(positions) + " events");
        follower->next_seq = store::seq_of(indexes, view.layers, options.after->value) + 1;
    }
    follower->page_bytes = options.page_bytes;
    follower->engine = impl_->engine;
    impl_->engine->database->add_listener(follower.get());
    return Follower(std::move(follower));
}

namespace {

/// A follower with a thread that calls back; destroying it ends both.
struct CallbackFollower {
    Follower follower;
    std::function<bool(const Page&)> on_events;
    std::atomic<bool> stopping = false;
    std::thread thread;

    CallbackFollower(Follower taken, std::function<bool(const Page&)> callback)
        : follower(std::move(taken)), on_events(std::move(callback)) {
        thread = std::thread([this] { run(); });
    }
    void run() {
        Page page;
        while (!stopping.load(std::memory_order_acquire)) {
            if (!follower.next(kFollowPageMax, kStopCheckMs, page).ok()) return;
            if (!page.events().empty() && !on_events(page)) return;
        }
    }
    ~CallbackFollower() {
        stopping.store(true, std::memory_order_release);
        follower.impl_->stop();
        thread.join();
    }
    CallbackFollower(const CallbackFollower&) = delete;
    CallbackFollower& operator=(const CallbackFollower&) = delete;
};

}  // namespace

Result<std::unique_ptr<void, void (*)(void*)>> Store::follow(const FollowOptions& options,
                                                             std::function<bool(const Page&)> on_events) const {
    ASSIGN_OR_RETURN(Follower follower, follow(options));
    auto running = std::make_unique<CallbackFollower>(std::move(follower), std::move(on_events));
    return std::unique_ptr<void, void (*)(void*)>(running.release(),
                                                  [](void* p) { delete static_cast<CallbackFollower*>(p); });
}

}  // namespace chronos
