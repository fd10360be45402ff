#include "peers/idle_store.h"

#include <fstream>

#include "peers/failure.h"
#include "peers/latencies.h"
#include "peers/server_process.h"

namespace chronos::bench {

IdleStore run_idle_store(const std::filesystem::path& directory) {
    const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "idle_store";
    if (!std::filesystem::exists(program)) throw Absent("the program idle_store is not built");
    const std::filesystem::path output = directory / "idle.txt";
    std::filesystem::remove(output);
    const std::int64_t started_ns = now_ns();
    run_program({.arguments = {program, directory / "chronos"}, .log = output});
    IdleStore idle;
    std::int64_t opened_ns = 0;
    std::ifstream file(output);
    if (!(file >> idle.open_ms >> opened_ns >> idle.resident_mib)) throw Failure("idle_store said nothing");
    idle.process_ms = static_cast<double>(opened_ns - started_ns) / 1e6;
    return idle;
}

}  // namespace chronos::bench
