// What is compared: a store that takes events of entities and gives them back. One file implements
// one peer.
//
// Threads: a Peer by one thread at a time; each Session by one thread, several sessions at once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "peers/workload.h"

namespace chronos::bench {

/// What a read gave. Every byte of it was looked at, which `checksum` proves.
struct ReadResult {
    std::uint64_t events = 0;
    std::uint64_t checksum = 0;
};

/// One client's connection.
class Session {
public:
    virtual ~Session() = default;

    /// Appends `events` as one commit and returns when it is as durable as the peer promises.
    virtual void append(std::span<const Event> events) = 0;
    /// Appends everything in batches, in the fastest way the peer has with one client.
    virtual void append_all(std::span<const Event> events, std::size_t batch_events) {
        for (std::size_t at = 0; at < events.size(); at += batch_events)
            append(events.subspan(at, std::min(batch_events, events.size() - at)));
    }
    /// The last `count` events of an entity, newest first.
    virtual ReadResult read_last(std::string_view entity, std::uint32_t count) = 0;
    /// All events of an entity, oldest first.
    virtual ReadResult read_all(std::string_view entity) = 0;
    /// The process or thread that answers this session, so that it can be put on one processor.
    [[nodiscard]] virtual std::optional<int> server_pid() const { return {}; }
};

class Peer {
public:
    virtual ~Peer() = default;

    /// Opens or creates the store in `directory`, starting a server if it needs one.
    virtual void open(const std::filesystem::path& directory) = 0;
    /// Ends what `open` started; the data stay.
    virtual void close() = 0;
    virtual std::unique_ptr<Session> connect() = 0;
    /// Fills the empty store; not measured, so in the quickest way.
    virtual void load(std::span<const Event> events) {
        constexpr std::size_t kBatchEvents = 10'000;
        connect()->append_all(events, kBatchEvents);
    }
    /// Brings the data into the best shape for reading. Called when no session is open.
    virtual void prepare_for_reading() {}
};

}  // namespace chronos::bench
