#include "ingest/cloud_event.h"

#include <gtest/gtest.h>

#include <string>

#include "event/batch_content.h"

namespace chronos::ingest {
namespace {

struct Seen {
    std::string entity, type, payload, metadata, id;
    std::optional<std::int64_t> occurred_at;
};

Seen seen_of(std::string_view json, CloudEvents::Entity entity = CloudEvents::Entity::kSubject) {
    BatchBuilder batch;
    CloudEvents events(entity);
    const Status status = events.add(json, batch);
    EXPECT_TRUE(status.ok()) << status.error().message;
    Seen seen;
    batch.content().for_each_event([&](const event::EventBytes& event) {
        seen = {std::string(event.entity()),   std::string(event.type()),       std::string(event.payload()),
                std::string(event.metadata()), event.explicit_id().to_string(), event.sent_occurred_at()};
    });
    return seen;
}

std::string error_of(std::string_view json) {
    BatchBuilder batch;
    const Status status = CloudEvents(CloudEvents::Entity::kSubject).add(json, batch);
    EXPECT_EQ(batch.event_count(), 0U);
    return status.ok() ? "" : status.error().message;
}

constexpr std::string_view kEvent =
    R"({"specversion":"1.0","id":"A-1","source":"/shop","type":"order.placed","subject":"order:1",)"
    R"("time":"1970-01-01T00:00:01Z","datacontenttype":"application/json","partition":7,"data":{"total":42}})";

TEST(CloudEvent, TakesEachAttributeToItsPlace) {
    const Seen seen = seen_of(kEvent);
    EXPECT_EQ(seen.entity, "order:1");
    EXPECT_EQ(seen.type, "order.placed");
    EXPECT_EQ(seen.payload, R"({"total":42})");
    EXPECT_EQ(seen.occurred_at, 1'000'000'000);
    EXPECT_EQ(seen.metadata, R"({"cloudevents":{"specversion":"1.0","id":"A-1","source":"/shop","subject":"order:1",)"
                             R"("datacontenttype":"application/json","partition":7}})");
}

TEST(CloudEvent, NamesTheEntityBySourceOnRequestOrWithoutASubject) {
    EXPECT_EQ(seen_of(kEvent, CloudEvents::Entity::kSource).entity, "/shop");
    EXPECT_EQ(seen_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t"})").entity, "/s");
}

TEST(CloudEvent, DerivesTheIdFromSourceAndIdTogether) {
    const auto id = [](const std::string& source, const std::string& event_id) {
        return seen_of(R"({"specversion":"1.0","type":"t","source":")" + source + R"(","id":")" + event_id + "\"}").id;
    };
    EXPECT_EQ(id("/a", "1"), id("/a", "1"));
    EXPECT_NE(id("/a", "1"), id("/b", "1"));
    EXPECT_NE(id("/a", "1"), id("/a", "2"));
}

TEST(CloudEvent, KeepsBinaryDataAsBase64AndTheTraceParentWhereItIsLookedFor) {
    const Seen seen = seen_of(
        R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"AQI=","traceparent":"00-ab-cd-01"})");
    EXPECT_EQ(seen.payload, R"({"data_base64":"AQI="})");
    EXPECT_TRUE(seen.metadata.ends_with(R"("traceparent":"00-ab-cd-01"})"));
    EXPECT_EQ(seen_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data":"text"})").payload, "\"text\"");
    EXPECT_EQ(seen_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t"})").payload, "{}");
}

TEST(CloudEvent, RefusesWhatTheSpecificationDoesNotAllow) {
    EXPECT_EQ(error_of(R"({"id":"1","source":"/s","type":"t"})"), "'specversion' is missing");
    EXPECT_EQ(error_of(R"({"specversion":"0.3","id":"1","source":"/s","type":"t"})"),
              "'specversion' is 0.3; 1.0 is known");
    EXPECT_EQ(error_of(R"({"specversion":"1.0","source":"/s","type":"t"})"), "'id' is missing");
    EXPECT_EQ(error_of(R"({"specversion":"1.0","id":"","source":"/s","type":"t"})"), "'id' must not be empty");
    EXPECT_EQ(error_of(R"({"specversion":"1.0","id":1,"source":"/s","type":"t"})"), "'id' must be a string");
    EXPECT_NE(error_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","time":"noon"})"), "");
    EXPECT_NE(error_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","Bad-Name":1})"), "");
    EXPECT_NE(error_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","ext":{}})"), "");
    EXPECT_NE(error_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data_base64":"?"})"), "");
    EXPECT_NE(error_of(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","data":1,"data_base64":"AQI="})"), "");
    EXPECT_EQ(error_of("[]"), "a CloudEvent must be a JSON object");
    EXPECT_NE(error_of("{"), "");
}

}  // namespace
}  // namespace chronos::ingest
