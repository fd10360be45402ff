// Chronos behind the interface of the peers; its own rows (chronos_rows.cc) reach the store itself.
#pragma once

#include <memory>
#include <optional>

#include "chronos/store.h"
#include "peers/peers.h"

namespace chronos::bench {

/// Hands `batch` over; `window` learns of the answer.
class AppendWindow;
void append_async(Store& store, BatchBuilder&& batch, AppendWindow& window, const AppendOptions& options = {});

/// Copies `events` into a batch.
void fill(BatchBuilder& batch, std::span<const Event> events, const ChronosLayout& layout = {});

class ChronosPeer : public Peer {
public:
    explicit ChronosPeer(const ChronosLayout& layout) : layout_(layout) {}

    void open(const std::filesystem::path& directory) override;
    void close() override;
    std::unique_ptr<Session> connect() override;

    [[nodiscard]] Store& store() { return *store_; }

private:
    void wait_for_spares();

    ChronosLayout layout_;
    std::optional<Store> store_;
};

}  // namespace chronos::bench
