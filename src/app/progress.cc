#include "app/progress.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "app/terminal.h"

namespace chronos::app {
namespace {

constexpr std::int64_t kDrawEveryNs = 100'000'000;
constexpr std::uint64_t kBarWidth = 24;

}  // namespace

ProgressBar::ProgressBar(const Program& program, std::string label, std::uint64_t total)
    : program_(program),
      label_(std::move(label)),
      total_(total),
      visible_(program.shows_progress()),
      started_ns_(program.world.clock.monotonic_ns()),
      next_draw_ns_(started_ns_ + kDrawEveryNs) {}

void ProgressBar::update(const State& state) {
    state_ = state;
    if (!visible_) return;
    const std::int64_t now_ns = program_.world.clock.monotonic_ns();
    if (now_ns < next_draw_ns_) return;
    next_draw_ns_ = now_ns + kDrawEveryNs;
    draw(now_ns);
}

void ProgressBar::draw(std::int64_t now_ns) {
    std::string line = label_ + " ";
    if (total_ > 0) {
        const std::uint64_t done = std::min(state_.done, total_);
        const auto percent = static_cast<unsigned>(static_cast<double>(done) * 100.0 / static_cast<double>(total_));
        const std::uint64_t filled = percent * kBarWidth / 100;
        for (std::uint64_t i = 0; i < kBarWidth; ++i) line += i < filled ? "█" : "░";
        line += fmt::format(" {:3}%", percent);
    }
    if (state_.events > 0) {
        const double seconds = static_cast<double>(now_ns - started_ns_) / 1e9;
        const auto rate = static_cast<std::uint64_t>(static_cast<double>(state_.events) / std::max(seconds, 1e-9));
        line += fmt::format("  {} events  {}/s", with_separators(state_.events), with_separators(rate));
    }
    if (state_.bytes > 0) line += "  " + human_bytes(state_.bytes);
    write_to_stderr("\r\x1b[K" + fitted(line, terminal_width(Stream::kErrors) - 1));
    drawn_ = true;
}

void ProgressBar::finish() {
    if (drawn_) write_to_stderr("\r\x1b[K");
    drawn_ = false;
}

}  // namespace chronos::app
