#include "app/interrupt.h"

#include <atomic>
#include <csignal>

namespace chronos::app {
namespace {

std::atomic<int> caught_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler takes no lock");

void note_signal(int signal) { caught_signal.store(signal); }

}  // namespace

void ignore_signals_of_failed_writes() {
    struct sigaction action{};
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
    sigaction(SIGXFSZ, &action, nullptr);
}

void catch_interrupts() {
    struct sigaction action{};
    action.sa_handler = note_signal;
    // The handler serves once. A read of a terminal or pipe that waits is woken up.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

int interrupted_by() { return caught_signal.load(); }

int interrupted_exit_code() { return 128 + interrupted_by(); }

}  // namespace chronos::app
