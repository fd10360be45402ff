// What `state` and `history` are asked: an entity, a view, and how to fold.
//
// Threads: values.
#pragma once

#include <string>

#include "app/read_options.h"
#include "chronos/state.h"

namespace chronos::app {

struct StateFlags {
    std::string entity;
    ViewFlags view;
    FoldFlags fold;

    void add_to(CLI::App* command);
};

}  // namespace chronos::app
