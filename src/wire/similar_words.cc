#include "wire/similar_words.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace chronos::wire {

std::size_t edit_distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

std::vector<std::string> similar_words(std::string_view word, const std::vector<std::string>& candidates,
                                       std::size_t count_max) {
    const std::size_t distance_max = word.size() / 3 + 1;
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (const std::string_view candidate : candidates) {
        const std::size_t longer = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
        const bool goes_on = candidate.starts_with(word);
        if (!goes_on && longer > distance_max) continue;
        const std::size_t distance = goes_on ? longer : edit_distance(word, candidate);
        if (goes_on || distance <= distance_max) near.emplace_back(distance, candidate);
    }
    std::sort(near.begin(), near.end());
    near.erase(std::unique(near.begin(), near.end()), near.end());
    std::vector<std::string> words;
    for (std::size_t i = 0; i < std::min(count_max, near.size()); ++i) words.emplace_back(near[i].second);
    return words;
}

}  // namespace chronos::wire
