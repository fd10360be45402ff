// How a randomized test gets its seeds, and says how to repeat a failure.
//
//     CHRONOS_SEED=<n>       run the schedule of this seed alone
//     CHRONOS_SCHEDULES=<n>  run so many schedules instead of the test's own number
//     CHRONOS_SHARE=<n>      run every nth of the test's own schedules, or an nth of its operations
//     CHRONOS_FAILURES=<n>   stop when so many have failed
//     CHRONOS_TORTURE=1      run the tests whose names begin with Torture
//
// Use:
//     for_each_seed(2'000, [](std::uint64_t seed) -> std::string { return what_went_wrong_or_empty; });
//
// A schedule that aborts or hangs names its seed too.
//
// Threads: one schedule at a time in a process.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

namespace chronos::testing {

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

inline bool torture_is_on() { return number_from_environment("CHRONOS_TORTURE", 0) != 0; }

/// Every so many-th of a test's schedules is wanted: fewer where a sanitizer makes each take long.
inline std::uint64_t share() { return std::max<std::uint64_t>(1, number_from_environment("CHRONOS_SHARE", 1)); }

inline std::string current_test_name() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    return std::string(info->test_suite_name()) + "." + info->name();
}

/// The one command that repeats the schedule of `seed` in the running test.
inline std::string repeat_command(std::uint64_t seed) {
    char program[4096] = {};
    const ssize_t size = ::readlink("/proc/self/exe", program, sizeof(program) - 1);
    return std::string(torture_is_on() ? "CHRONOS_TORTURE=1 " : "") + "CHRONOS_SEED=" + std::to_string(seed) + " " +
           (size > 0 ? program : "the test") + " --gtest_filter=" + current_test_name();
}

namespace detail {

// Read by a signal handler, so it is plain memory.
inline char running_command[8192];

inline void tell_and_stop(int signal) {
    const char* const what = signal == SIGALRM ? "\nhangs; " : "\nstopped; ";
    (void)!::write(2, what, std::strlen(what));
    (void)!::write(2, running_command, std::strlen(running_command));
    (void)!::write(2, "\n", 1);
    ::signal(SIGABRT, SIG_DFL);
    ::abort();
}

}  // namespace detail

/// While it lives, an abort, a crash or `seconds` without end print the command that repeats the seed.
class RepeatOnAbort {
public:
    explicit RepeatOnAbort(std::uint64_t seed, unsigned seconds = 300) {
        const std::string command = "repeat: " + repeat_command(seed);
        std::snprintf(detail::running_command, sizeof(detail::running_command), "%s", command.c_str());
        for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGALRM}) std::signal(signal, detail::tell_and_stop);
        ::alarm(seconds);
    }
    ~RepeatOnAbort() {
        ::alarm(0);
        for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGALRM}) std::signal(signal, SIG_DFL);
    }
    RepeatOnAbort(const RepeatOnAbort&) = delete;
    RepeatOnAbort& operator=(const RepeatOnAbort&) = delete;
};

/// Runs schedules of consecutive seeds until some have failed; each returns what was wrong, or nothing.
inline void for_each_seed(std::uint64_t count, const std::function<std::string(std::uint64_t seed)>& run) {
    const bool one_seed = std::getenv("CHRONOS_SEED") != nullptr;
    const std::uint64_t first = number_from_environment("CHRONOS_SEED", 1);
    const bool is_chosen = one_seed || std::getenv("CHRONOS_SCHEDULES") != nullptr;
    count = number_from_environment("CHRONOS_SCHEDULES", one_seed ? 1 : count);
    const std::uint64_t step = is_chosen ? 1 : share();
    const std::uint64_t failures_max = number_from_environment("CHRONOS_FAILURES", 5);
    std::uint64_t failures = 0;
    for (std::uint64_t seed = first; seed < first + count && failures < failures_max; seed += step) {
        const RepeatOnAbort guard(seed);
        const std::string wrong = run(seed);
        if (wrong.empty()) continue;
        ++failures;
        ADD_FAILURE() << "seed " << seed << ": " << wrong << "\nrepeat: " << repeat_command(seed);
    }
}

}  // namespace chronos::testing
