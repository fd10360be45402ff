// Opens the store in the given directory, waits a moment, and says: milliseconds of opening, the
// steady clock when it was open, MiB of memory. A program of its own, so that only Chronos is in
// the memory.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "chronos/store.h"
#include "peers/latencies.h"

int main(int argc, char** argv) {
    using chronos::bench::now_ns;
    if (argc != 2) return 2;
    const std::int64_t started_ns = now_ns();
    auto store = chronos::Store::open({.directory = argv[1]});
    const std::int64_t opened_ns = now_ns();
    if (!store.ok()) {
        std::fprintf(stderr, "%s\n", store.error().message.c_str());
        return 1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    std::uint64_t pages = 0;
    std::uint64_t resident_pages = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident_pages;
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::printf("%.3f %lld %.1f\n", static_cast<double>(opened_ns - started_ns) / 1e6,
                static_cast<long long>(opened_ns), static_cast<double>(resident_pages * page_bytes) / (1U << 20));
    return store->close().ok() ? 0 : 1;
}
