#include "client/nearest_entities.h"

#include "base/result.h"
#include "base/utf8.h"
#include "wire/similar_words.h"

namespace chronos::client {
namespace {

/// Entities compared for each beginning of the id that is tried.
constexpr std::uint32_t kCandidatesMax = 1'000;

}  // namespace

Result<std::vector<std::string>> nearest_entities(const EndpointView& view, std::string_view id,
                                                  std::size_t count_max) {
    std::vector<std::string> nearest;
    for (const std::size_t kept : {id.size(), id.size() * 3 / 4, id.size() / 2, std::size_t{0}}) {
        ASSIGN_OR_RETURN(std::vector<std::string> candidates,
                         view.entities(base::utf8_prefix(id, kept), "", kCandidatesMax));
        candidates.insert(candidates.end(), nearest.begin(), nearest.end());
        nearest = wire::similar_words(id, candidates, count_max);
        if (nearest.size() == count_max) break;
    }
    return nearest;
}

}  // namespace chronos::client
