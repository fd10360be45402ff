// Tries inputs of a fuzz target without libFuzzer: with any compiler, as an ordinary test.
//
//     x_corpus <file or folder>...          these inputs
//     x_corpus --seeds [file or folder]...  the target's seeds first
//     x_corpus --write <folder>             writes the seeds as files
//
// Before each input the command that repeats it alone is printed, so after a crash it is the last
// line.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

constexpr unsigned kHangSeconds = 60;

void try_input(const std::string& repeat, const std::string& input) {
    std::fprintf(stderr, "repeat: %s\n", repeat.c_str());
    ::alarm(kHangSeconds);
    // A buffer of exactly this size, so that a sanitizer sees a read behind it.
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    ::alarm(0);
}

std::vector<fs::path> inputs_in(const fs::path& place) {
    if (!fs::is_directory(place)) return {place};
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(place))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

int write_seeds(const fs::path& folder) {
    fs::create_directories(folder);
    for (const auto& [name, input] : chronos::fuzz::seeds()) std::ofstream(folder / name, std::ios::binary) << input;
    return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
    const std::string program = arguments[0];
    if (argument_count == 3 && arguments[1] == std::string_view("--write")) return write_seeds(arguments[2]);
    for (int i = 1; i < argument_count; ++i) {
        if (arguments[i] == std::string_view("--seeds")) {
            for (const auto& [name, input] : chronos::fuzz::seeds()) try_input(program + " --seeds  # " + name, input);
            continue;
        }
        for (const fs::path& file : inputs_in(arguments[i])) {
            std::ifstream stream(file, std::ios::binary);
            if (!stream) {
                std::fprintf(stderr, "%s cannot be read\n", file.c_str());
                return 1;
            }
            try_input(program + " " + file.string(), {std::istreambuf_iterator<char>(stream), {}});
        }
    }
    return 0;
}
