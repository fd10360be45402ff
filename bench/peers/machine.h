// The machine the figures are of.
#pragma once

#include <filesystem>
#include <string>

namespace chronos::bench {

struct Machine {
    std::string processor;
    unsigned processor_count = 0;
    double memory_gib = 0;
    std::string kernel;
    /// Type and device of the file system of the stores, and how Chronos commits to it.
    std::string disk;
    /// Processes that ran or wanted to, on average over the last minute.
    double load = 0;
};

Machine describe_machine(const std::filesystem::path& directory);
double load_average();

}  // namespace chronos::bench
