// The embedded API in one page: append with a condition, ask for state now and earlier, follow.
//
//     orders [directory]      without a directory the store is kept in memory
#include <cstdio>
#include <string>

#include "chronos/store.h"

namespace {

int fail(const chronos::Error& error) {
    std::fprintf(stderr, "orders: %s\n", error.message.c_str());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    chronos::OpenOptions options;
    options.in_memory = argc < 2;
    if (argc >= 2) options.directory = argv[1];
    auto store = chronos::Store::open(options);
    if (!store) return fail(store.error());

    // A new order: the entity must not exist yet.
    chronos::NewEvent placed;
    placed.entity_id = "order:" + store->database().to_string();
    placed.event_type = "order.placed";
    placed.payload = R"({"customer": "ada", "total": 42, "status": "placed"})";
    placed.tags = {"customer:ada"};
    auto first = store->append(placed, chronos::ExpectedVersion::none());
    if (!first) {
        if (first.error().code != chronos::ErrorCode::kVersionConflict) return fail(first.error());
        std::printf("the order is there already: %s\n", first.error().message.c_str());
        return 0;
    }

    // Two events in one batch, all or nothing.
    chronos::BatchBuilder batch;
    batch.add({.entity_id = placed.entity_id, .event_type = "order.paid", .payload = R"({"status": "paid"})"});
    batch.add({.entity_id = placed.entity_id, .event_type = "order.shipped", .payload = R"({"status": "shipped"})"});
    auto second = store->append(std::move(batch));
    if (!second) return fail(second.error());
    std::printf("appended up to position %llu, durability %s\n",
                static_cast<unsigned long long>(second->events.back().position.value),
                std::string(chronos::durability_name(second->durability)).c_str());

    // The state now, and as it was known after the first append.
    auto now = store->view();
    auto then = store->view({.known_at = first->recorded_at});
    if (!now || !then) return fail(now ? then.error() : now.error());
    auto state_now = now->state(placed.entity_id);
    auto state_then = then->state(placed.entity_id);
    if (!state_now || !state_then) return fail(state_now ? state_then.error() : state_now.error());
    std::printf("then: %s\nnow:  %s\n", state_then->json.c_str(), state_now->json.c_str());

    // Everything about the customer, from the start; a real follower would go on waiting.
    chronos::FollowOptions follow;
    follow.filter.tags = {"customer:ada"};
    auto follower = store->follow(follow);
    if (!follower) return fail(follower.error());
    chronos::Page page;
    if (auto status = follower->next(100, 0, page); !status) return fail(status.error());
    for (const chronos::EventView& event : page.events())
        std::printf("%s %.*s\n", event.recorded_at.to_string().c_str(), static_cast<int>(event.event_type.size()),
                    event.event_type.data());
    if (auto status = store->close(); !status) return fail(status.error());
    return 0;
}
