#include "peers/machine.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "peers/chronos_peer.h"
#include "peers/failure.h"
#include "peers/scratch.h"

namespace chronos::bench {
namespace {

std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
    return "unknown processor";
}

/// "ext4 on /dev/vda", of the longest mount point that `directory` is below.
std::string file_system_of(const std::filesystem::path& directory) {
    const std::string path = std::filesystem::canonical(directory).string() + "/";
    std::ifstream file("/proc/mounts");
    std::string device;
    std::string point;
    std::string type;
    std::string rest;
    std::string best = "unknown file system";
    std::size_t best_size = 0;
    while (file >> device >> point >> type && std::getline(file, rest)) {
        const bool holds = path.starts_with(point == "/" ? point : point + "/");
        if (!holds || point.size() < best_size) continue;
        best_size = point.size();
        best = type;
        best += " on " + device;
    }
    return best;
}

std::string commit_method(const std::filesystem::path& directory) {
    const ScratchDirectory scratch(directory);
    ChronosPeer peer(ChronosLayout{});
    peer.open(scratch.path());
    std::string method = must(must(peer.store().view()).stats()).commit_method;
    peer.close();
    return method;
}

}  // namespace

double load_average() {
    double load = 0;
    return ::getloadavg(&load, 1) == 1 ? load : 0;
}

Machine describe_machine(const std::filesystem::path& directory) {
    struct sysinfo memory{};
    ::sysinfo(&memory);
    utsname system{};
    ::uname(&system);
    return {.processor = processor_name(),
            .processor_count = std::thread::hardware_concurrency(),
            .memory_gib = static_cast<double>(memory.totalram) * static_cast<double>(memory.mem_unit) / (1U << 30),
            .kernel = std::string(system.sysname) + " " + system.release,
            .disk = file_system_of(directory) + ", Chronos commits " + commit_method(directory),
            .load = load_average()};
}

}  // namespace chronos::bench
