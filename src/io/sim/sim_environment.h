// A whole simulated outside from one seed.
//
// Use:
//     SimEnvironment sim(seed);
//     auto store = Store::open(sim.environment(), ...);
//
// Threads: as its members.
#pragma once

#include <cstdint>

#include "io/environment.h"
#include "io/sim/sim_clock.h"
#include "io/sim/sim_file_system.h"

namespace chronos::io {

struct SimEnvironment {
    explicit SimEnvironment(std::uint64_t seed) : files(seed), random(~seed) {}

    /// References into this object.
    Environment environment() { return {.files = files, .clock = clock, .random = random}; }

    SimFileSystem files;
    SimClock clock;
    SimRandom random;
};

}  // namespace chronos::io
