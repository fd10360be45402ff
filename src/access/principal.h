// Who calls, and what they may do.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chronos/result.h"

namespace chronos::access {

/// What a credential may be used for.
enum class Scope : std::uint8_t {
    kRead,        ///< Every question about events, states and forks.
    kWriteForks,  ///< Make forks and append to them; not to main, and no merging.
    kWrite,       ///< Append anywhere, make, merge and discard forks, own consumers.
    kAdmin,       ///< Keys, backups, and what the server tells of itself.
};

/// "read", "write:forks", "write", "admin".
std::string_view scope_name(Scope scope);
std::optional<Scope> parse_scope(std::string_view name);

/// Scopes that were granted. Each grants what is smaller: admin all, write also write:forks and read, write:forks read.
class Scopes {
public:
    Scopes() = default;
    Scopes(std::initializer_list<Scope> scopes) {
        for (const Scope scope : scopes) add(scope);
    }
    void add(Scope scope) { bits_ |= 1U << static_cast<unsigned>(scope); }
    [[nodiscard]] bool allows(Scope wanted) const;
    [[nodiscard]] bool empty() const { return bits_ == 0; }
    /// As they were granted, smallest first.
    [[nodiscard]] std::vector<Scope> granted() const;

private:
    std::uint32_t bits_ = 0;
};

struct Principal {
    std::string key_id;  ///< Empty where the server runs without credentials.
    std::string name;
    std::string tenant;
    Scopes scopes;
};

}  // namespace chronos::access
