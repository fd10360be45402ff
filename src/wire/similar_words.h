// How near words are to each other, for asking "did you mean …?".
//
// Threads: free functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chronos::wire {

/// How many bytes must be put in, left out or replaced to get from one word to the other.
std::size_t edit_distance(std::string_view from, std::string_view to);

/// The candidates that go on after `word` or are nearly it, nearest first, at most `count_max`.
std::vector<std::string> similar_words(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t count_max);

}  // namespace chronos::wire
