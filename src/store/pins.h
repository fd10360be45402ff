// What a page holds on to so that the bytes of its events stay where they are.
//
// Today every segment's image stays resident while the store is open, so there is nothing to hold; pages are
// nevertheless released by their users as chronos/read.h says, and pins go here when images can leave memory.
//
// Threads: as Page.
#pragma once

#include "chronos/read.h"

namespace chronos {

struct Page::Pins {};

}  // namespace chronos
