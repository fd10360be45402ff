// Everything the engine takes from outside, in one value that is handed down.
#pragma once

#include "io/clock.h"
#include "io/file_system.h"

namespace chronos::io {

/// References must outlive every object that was given the environment.
struct Environment {
    FileSystem& files;
    Clock& clock;
    Random& random;
};

}  // namespace chronos::io
