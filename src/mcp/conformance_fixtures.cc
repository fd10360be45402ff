#include "mcp/conformance_fixtures.h"

namespace chronos::mcp {

void add_conformance_fixtures(Offers& offers, Subscriptions& subscriptions) {
    (void)offers;
    (void)subscriptions;
}

}  // namespace chronos::mcp
