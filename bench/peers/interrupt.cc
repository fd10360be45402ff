#include "peers/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace chronos::bench {
namespace {

volatile std::sig_atomic_t is_interrupted = 0;

}  // namespace

void catch_interrupts() {
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { is_interrupted = 1; });
    std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return is_interrupted != 0; }

}  // namespace chronos::bench
