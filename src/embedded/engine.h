// What a Store and everything made from it share.
//
// Threads: as the parts say.
#pragma once

#include <memory>

#include "chronos/store.h"
#include "projection/state_fold.h"
#include "store/database.h"
#include "store/pins.h"
#include "store/view.h"

namespace chronos {

struct Engine {
    explicit Engine(std::unique_ptr<store::Database> opened)
        : database(std::move(opened)), snapshots(kSnapshotBytesMax), folder(database->indexes(), snapshots) {}

    static constexpr std::size_t kSnapshotBytesMax = std::size_t{32} << 20;

    std::unique_ptr<store::Database> database;
    projection::SnapshotCache snapshots;
    projection::StateFolder folder;
};

/// A page may outlive its store: it keeps what its events point into.
inline void own(Page& page, const std::shared_ptr<Engine>& engine) {
    if (page.pins_ != nullptr && page.pins_->owner != engine) page.pins_->owner = engine;
}

struct View::Impl {
    std::shared_ptr<Engine> engine;
    store::PinnedView view;
};

struct Store::Impl {
    std::shared_ptr<Engine> engine;
};

struct PendingAppend::Impl {
    std::shared_ptr<Engine> engine;
    std::shared_ptr<store::PendingAnswer> pending;
};

}  // namespace chronos
