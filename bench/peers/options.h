// What the command line asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace chronos::bench {

struct Options {
    bool quick = false;
    bool list = false;
    unsigned repetitions = 3;
    /// Rows whose name starts with one of these; empty: all.
    std::vector<std::string> rows;
    /// Where the stores are made, each in a directory that is removed afterwards.
    std::filesystem::path directory = "/var/tmp";
    std::filesystem::path results = "bench/results";
    /// Of the files in `results`.
    std::string name;
};

}  // namespace chronos::bench
