// What was measured, as Markdown for people and as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "peers/machine.h"
#include "peers/options.h"
#include "peers/runner.h"

namespace chronos::bench {

struct Report {
    Options options;
    std::string command;
    std::string date;  ///< UTC
    Machine machine;
    double load_at_end = 0;
    std::vector<GroupResult> groups;
};

std::string to_markdown(const Report& report);
std::string to_json(const Report& report);

}  // namespace chronos::bench
