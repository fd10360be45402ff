// Cursors: a text that the store did not make is refused; one that it could have made gives pages
// that end.
//
//     input: flags 1 (bit 0: the rest are fields of a cursor, which is made with the store's
//     secret; else its text) | rest
//            bit 1: the filter's fingerprint is the right one, bit 2: one character of the made
//            cursor is changed
#include "embedded/engine.h"
#include "fuzz/fuzz.h"
#include "io/sim/sim_environment.h"
#include "store/cursor.h"
#include "store/filter.h"

namespace chronos::fuzz {
namespace {

enum Flag : std::uint8_t { kMake = 1, kRightFilter = 2, kChange = 4 };

constexpr int kEventCount = 20;

struct Specimen {
    Specimen() {
        store::DatabaseOptions options;
        options.with_threads = false;
        auto impl = std::make_unique<Store::Impl>();
        impl->engine = std::make_shared<Engine>(store::Database::open_in_memory(sim.environment(), options).value());
        engine = impl->engine;
        store.emplace(Store(std::move(impl)));
        for (int i = 0; i < kEventCount; ++i)
            FUZZ_CHECK(store->append({.entity_id = "order:1", .event_type = "order.changed"}).ok(), "");
        fingerprint = store::CompiledFilter::compile({})->fingerprint();
    }
    [[nodiscard]] const wal::Log& log() const { return engine->database->log(); }

    io::SimEnvironment sim{1};
    std::shared_ptr<Engine> engine;
    std::optional<Store> store;
    std::uint64_t fingerprint = 0;
};

/// Reads on from a cursor, whatever it is.
void read_on(const Specimen& specimen, std::string cursor) {
    const auto view = specimen.store->view();
    for (const Order order : {Order::kForward, Order::kBackward}) {
        ReadOptions options{.order = order, .limit = 3, .cursor = cursor};
        Page page;
        for (int pages = 0;; ++pages) {
            FUZZ_CHECK(pages <= kEventCount, "a cursor does not come to an end");
            const Status read = view->read(options, page);
            if (!read.ok()) {
                FUZZ_CHECK(pages == 0 && read.error().code == ErrorCode::kCursorMismatch, read.error().message);
                break;
            }
            for (const EventView& event : page.events())
                FUZZ_CHECK(event.position.value < kEventCount, "an event that is not there");
            if (!page.has_more()) break;
            options.cursor = page.next_cursor();
        }
    }
}

bool is_same(const store::Cursor& a, const store::Cursor& b) {
    return a.branch == b.branch && a.forward == b.forward && a.filter_fingerprint == b.filter_fingerprint &&
           a.view_end_seq == b.view_end_seq && a.last_seq == b.last_seq && a.as_of == b.as_of && a.settled == b.settled;
}

void make_and_read(const Specimen& specimen, std::uint8_t flags, base::ByteReader input) {
    store::Cursor cursor;
    const auto bits = input.number<std::uint8_t>();
    cursor.forward = (bits & 1) != 0;
    cursor.settled = (bits & 2) != 0;
    cursor.view_end_seq = input.number<std::uint64_t>();
    cursor.last_seq = input.number<std::uint64_t>();
    if ((bits & 4) != 0) cursor.as_of = Timestamp{input.number<std::int64_t>()};
    cursor.branch = (bits & 8) != 0 ? input.number<std::uint32_t>() : event::kMainBranch;
    cursor.filter_fingerprint = (flags & kRightFilter) != 0 ? specimen.fingerprint : input.number<std::uint64_t>();
    std::string text = store::encode_cursor(cursor, specimen.log());
    const auto decoded = store::decode_cursor(text, specimen.log());
    FUZZ_CHECK(decoded.ok() && is_same(*decoded, cursor), "a cursor is read otherwise than it was made");
    if ((flags & kChange) != 0) {
        const std::size_t at = input.number<std::uint8_t>() % (text.size() - 1);  // The last has bits that say nothing.
        const auto changed = static_cast<char>(input.number<std::uint8_t>());
        if (text[at] == changed) return;
        text[at] = changed;
        FUZZ_CHECK(!store::decode_cursor(text, specimen.log()).ok(), "a changed cursor is accepted");
    }
    read_on(specimen, text);
}

}  // namespace

Seeds seeds() {
    const auto fields = [](std::uint8_t bits, std::uint64_t end, std::uint64_t last) {
        return bytes_of(bits) + bytes_of(end) + bytes_of(last);
    };
    return {{"forward", '\3' + fields(1, 21, 5)},
            {"backward", '\3' + fields(0, 21, 5)},
            {"beyond", '\3' + fields(1, 99, ~std::uint64_t{0})},
            {"as_of", '\3' + fields(5, 10, 2) + bytes_of(std::int64_t{7})},
            {"changed", '\7' + fields(1, 21, 5) + "\5A"},
            {"text", std::string(1, '\0') + "AQEAAAAAAAABAAAAAAAAAA"}};
}

}  // namespace chronos::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace chronos;
    static const fuzz::Specimen kSpecimen;
    base::ByteReader input(fuzz::input_bytes(data, size));
    const auto flags = input.number<std::uint8_t>();
    if ((flags & fuzz::kMake) != 0) {
        fuzz::make_and_read(kSpecimen, flags, input);
    } else {
        const std::string text(input.text(input.left()));
        if (!text.empty()) fuzz::read_on(kSpecimen, text);
    }
    return 0;
}
