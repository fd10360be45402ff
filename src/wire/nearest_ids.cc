#include "wire/nearest_ids.h"

#include "base/result.h"
#include "base/utf8.h"
#include "wire/similar_words.h"

namespace chronos::wire {
namespace {

/// Ids compared for each beginning that is tried.
constexpr std::uint32_t kCandidatesMax = 1'000;

}  // namespace

Result<std::vector<std::string>> nearest_ids(const ListIds& list, std::string_view id, std::size_t count_max) {
    std::vector<std::string> nearest;
    for (const std::size_t kept : {id.size(), id.size() * 3 / 4, id.size() / 2, std::size_t{0}}) {
        ASSIGN_OR_RETURN(std::vector<std::string> candidates, list(base::utf8_prefix(id, kept), kCandidatesMax));
        candidates.insert(candidates.end(), nearest.begin(), nearest.end());
        nearest = similar_words(id, candidates, count_max);
        if (nearest.size() == count_max) break;
    }
    return nearest;
}

}  // namespace chronos::wire
