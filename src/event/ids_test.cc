#include "event/ids.h"

#include <gtest/gtest.h>

namespace chronos::event {
namespace {

const Uuid kDns = *Uuid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8");

TEST(UuidV5, MatchesTheExampleOfTheRfc) {
    EXPECT_EQ(uuid_v5(kDns, "www.example.com").to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(UuidV7, StartsWithTheTimeInMilliseconds) {
    std::array<std::byte, 10> random{};
    EXPECT_EQ(uuid_v7(0x0123'4567'89ABLL * 1'000'000, random).to_string(), "01234567-89ab-7000-8000-000000000000");
    EXPECT_EQ(uuid_v7(-5, random).to_string(), "00000000-0000-7000-8000-000000000000");
}

TEST(DerivedId, LeadsBackToItsBatchAndOrdinal) {
    const Uuid batch = batch_id_from_key(kDns, "key");
    EXPECT_EQ(batch_id_of(batch), batch);
    const Uuid id = derived_event_id(batch, 0x123456);
    EXPECT_EQ(ordinal_of(id), 0x123456U);
    EXPECT_EQ(batch_id_of(id), batch);
}

TEST(BatchIdFromClient, DiffersForIdsThatDifferOnlyAtTheEnd) {
    const Uuid a = *Uuid::parse("00000000-0000-4000-8000-000000000001");
    const Uuid b = *Uuid::parse("00000000-0000-4000-8000-000000000002");
    EXPECT_NE(batch_id_from_client(kDns, a), batch_id_from_client(kDns, b));
}

}  // namespace
}  // namespace chronos::event
