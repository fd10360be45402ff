#include "peers/chronos_peer.h"

#include <chrono>
#include <thread>

#include "peers/append_window.h"
#include "peers/failure.h"

namespace chronos::bench {
namespace {

/// Bytes of an event in a batch beside its payload, about.
constexpr std::size_t kEventBytes = 128;
constexpr std::uint32_t kReadMax = 100'000;
constexpr auto kSparesPatience = std::chrono::seconds(60);

class ChronosSession : public Session {
public:
    ChronosSession(Store& store, const ChronosLayout& layout) : store_(store), layout_(layout) {}

    void append(std::span<const Event> events) override {
        view_.reset();
        BatchBuilder batch;
        fill(batch, events, layout_);
        must(store_.append(std::move(batch), {.durability = layout_.durability}));
    }

    void append_all(std::span<const Event> events, std::size_t batch_events) override {
        view_.reset();
        AppendWindow window(layout_.in_flight);
        for (std::size_t at = 0; at < events.size(); at += batch_events) {
            BatchBuilder batch;
            fill(batch, events.subspan(at, std::min(batch_events, events.size() - at)), layout_);
            append_async(store_, std::move(batch), window, {.durability = layout_.durability});
        }
        window.wait_for_all();
    }

    ReadResult read_last(std::string_view entity, std::uint32_t count) override {
        const View& view = current_view();
        Status status = view.read_last_resident(entity, count, page_);
        if (!status.ok() && status.error().code == ErrorCode::kWouldBlock)
            status = view.read_entity(entity, {.order = Order::kBackward, .limit = count}, page_);
        must(status);
        return take_page();
    }

    ReadResult read_all(std::string_view entity) override {
        must(current_view().read_entity(entity, {.limit = kReadMax}, page_));
        return take_page();
    }

private:
    /// Pinned until something is appended; what is not synced when it is answered becomes visible
    /// later.
    const View& current_view() {
        if (!view_ || layout_.durability == Durability::kOs) view_ = must(store_.view());
        return *view_;
    }

    ReadResult take_page() {
        ReadResult result;
        for (const EventView& event : page_.events()) {
            ++result.events;
            result.checksum +=
                sum_of(event.event_type) + sum_of(event.entity_id) + sum_of(event.payload) + sum_of(event.metadata);
        }
        return result;
    }

    Store& store_;
    ChronosLayout layout_;
    std::optional<View> view_;
    Page page_;
};

}  // namespace

void fill(BatchBuilder& batch, std::span<const Event> events, const ChronosLayout& layout) {
    std::size_t bytes = 0;
    for (const Event& event : events) bytes += event.payload.size() + kEventBytes;
    batch.reserve(bytes);
    for (const Event& event : events) {
        BatchBuilder::EventRef ref = {.entity_id = event.entity, .event_type = event.type, .payload = event.payload};
        if (layout.tags) ref.tags = event.tags;
        if (layout.explicit_ids) ref.id = event.id;
        batch.add(ref);
    }
}

void append_async(Store& store, BatchBuilder&& batch, AppendWindow& window, const AppendOptions& options) {
    window.wait_for_room();
    const Status status = store.append_async(std::move(batch), options, window.completion());
    if (!status.ok()) {
        window.give_back_room();
        must(status);
    }
}

void ChronosPeer::open(const std::filesystem::path& directory) {
    store_ = must(Store::open({.directory = layout_.in_memory ? "" : (directory / "chronos").string(),
                               .in_memory = layout_.in_memory,
                               .spare_bytes = layout_.spare_bytes}));
    if (layout_.spare_bytes > 0) wait_for_spares();
}

/// Spares are prepared in the background; files only grow by them as long as nothing is appended.
void ChronosPeer::wait_for_spares() {
    const auto deadline = std::chrono::steady_clock::now() + kSparesPatience;
    while (must(must(store_->view()).stats()).file_bytes < layout_.spare_bytes) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Failure("Chronos: the spare segments were not ready within a minute");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

void ChronosPeer::close() {
    if (store_) must(store_->close());
    store_.reset();
}

std::unique_ptr<Session> ChronosPeer::connect() { return std::make_unique<ChronosSession>(*store_, layout_); }

std::unique_ptr<Peer> make_chronos(const ChronosLayout& layout) { return std::make_unique<ChronosPeer>(layout); }

}  // namespace chronos::bench
