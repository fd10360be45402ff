#include "client/nearest_entities.h"

#include "wire/nearest_ids.h"

namespace chronos::client {

Result<std::vector<std::string>> nearest_entities(const EndpointView& view, std::string_view id,
                                                  std::size_t count_max) {
    const auto list = [&view](std::string_view prefix, std::uint32_t limit) {
        return view.entities(prefix, "", limit);
    };
    return wire::nearest_ids(list, id, count_max);
}

}  // namespace chronos::client
