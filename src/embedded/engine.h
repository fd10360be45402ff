// What a Store and everything made from it share.
//
// Threads: as the parts say.
#pragma once

#include <memory>

#include "chronos/store.h"
#include "projection/saved_states.h"
#include "projection/snapshot_cache.h"
#include "projection/state_fold.h"
#include "projection/state_keeper.h"
#include "store/database.h"
#include "store/pins.h"
#include "store/view.h"

namespace chronos {

struct Engine {
    explicit Engine(std::unique_ptr<store::Database> opened)
        : database(std::move(opened)),
          snapshots(kSnapshotBytesMax),
          saved(saved_states_of(*database)),
          folder(database->indexes(), snapshots, saved.get()) {
        if (saved == nullptr) return;
        keeper = std::make_unique<projection::StateKeeper>(*database, folder, snapshots, *saved);
        database->set_behind_work([this](bool is_closing) {
            using Occasion = projection::StateKeeper::Occasion;
            keeper->run(is_closing ? Occasion::kClosing : Occasion::kIndexed);
        });
    }
    /// The work behind appends ends before what it works with.
    ~Engine() { (void)database->close(); }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    static constexpr std::size_t kSnapshotBytesMax = std::size_t{32} << 20;

    static std::unique_ptr<projection::SavedStates> saved_states_of(store::Database& database) {
        if (database.is_in_memory()) return nullptr;
        const wal::Log& log = database.log();
        return std::make_unique<projection::SavedStates>(
            database.files(), database.cache(),
            projection::SavedStates::Options{.directory = database.folder() + "/snapshots",
                                             .owner = {.database = log.database(), .store_epoch = log.store_epoch()}});
    }

    std::unique_ptr<store::Database> database;
    projection::SnapshotCache snapshots;
    std::unique_ptr<projection::SavedStates> saved;  ///< Null in memory.
    projection::StateFolder folder;
    std::unique_ptr<projection::StateKeeper> keeper;  ///< The same.
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
