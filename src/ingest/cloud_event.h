// CloudEvents 1.0.2 in JSON (structured mode) as events. Source: the CNCF's cloudevents/spec.md and
// json-format.md.
//
// Threads: one for each object.
#pragma once

#include <cstdint>
#include <string_view>

#include "chronos/append.h"
#include "json/validate.h"

namespace chronos::ingest {

class CloudEvents {
public:
    enum class Entity : std::uint8_t { kSubject, kSource };

    /// `entity`: what names the entity; without a subject it is the source.
    explicit CloudEvents(Entity entity) : entity_(entity) {}

    /// Adds one event to `batch`: its id is the UUIDv5 of source and id, which are unique together;
    /// its payload is the data, or {"data_base64": ...}; everything else of its context goes to
    /// metadata.cloudevents.
    ///
    /// Errors: kInvalidArgument — not JSON, or not by the specification.
    Status add(std::string_view json, BatchBuilder& batch);

private:
    Entity entity_;
    json::Validator validator_;
};

}  // namespace chronos::ingest
