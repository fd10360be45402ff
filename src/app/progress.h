// A live line on standard error that says how far long work has come. Silent unless a person is
// watching.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string>

#include "app/program.h"

namespace chronos::app {

class ProgressBar {
public:
    struct State {
        std::uint64_t done = 0;    ///< Of the total, in its unit.
        std::uint64_t events = 0;  ///< 0: not about events.
        std::uint64_t bytes = 0;   ///< 0: not shown.
    };

    /// `total` 0: not known; then there is a count but no bar.
    ProgressBar(const Program& program, std::string label, std::uint64_t total = 0);
    ~ProgressBar() { finish(); }
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    void set_total(std::uint64_t total) { total_ = total; }
    /// Draws at most ten times a second, so it may be called for every batch.
    void update(const State& state);
    /// Clears the line.
    void finish();

private:
    void draw(std::int64_t now_ns);

    const Program& program_;
    std::string label_;
    std::uint64_t total_;
    State state_;
    bool visible_;
    bool drawn_ = false;
    std::int64_t started_ns_;
    std::int64_t next_draw_ns_;
};

}  // namespace chronos::app
