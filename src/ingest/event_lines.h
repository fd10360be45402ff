// Events as lines of JSON, made into events of a batch: as a client sends them, or as a store
// exported them.
//
// Threads: one for each object.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "chronos/append.h"
#include "embedded/event_line.h"

namespace chronos::ingest {

enum class LineMode : std::uint8_t {
    kStrict,  ///< What only the store may set is refused.
    kImport,  ///< Exported lines: the id is kept, timestamp becomes occurred_at, place and tenant
              ///< go to metadata.origin, metadata that is no object to metadata.value.
};

class EventLines {
public:
    /// Events that name a tenant must name `tenant_id`; empty: they must not. In import mode any will do.
    explicit EventLines(LineMode mode, std::string tenant_id = {}) : mode_(mode), tenant_id_(std::move(tenant_id)) {}

    /// Adds the event on `line` to `batch`. Errors: kInvalidArgument, kLimitExceeded; nothing was
    /// added.
    Status add(std::string_view line, BatchBuilder& batch);

private:
    Status take_store_fields(const embedded::ParsedEvent& parsed, BatchBuilder::EventRef& event);
    void add_origin(const embedded::ParsedEvent& parsed, BatchBuilder::EventRef& event);

    LineMode mode_;
    std::string tenant_id_;
    embedded::EventLineParser parser_;
    std::string object_;  ///< Around metadata that was none.
    std::string metadata_;
};

}  // namespace chronos::ingest
