#include "access/principal.h"

#include <array>

namespace chronos::access {
namespace {

constexpr std::array kScopes = {Scope::kRead, Scope::kWriteForks, Scope::kWrite, Scope::kAdmin};

}  // namespace

std::string_view scope_name(Scope scope) {
    switch (scope) {
        case Scope::kRead: return "read";
        case Scope::kWriteForks: return "write:forks";
        case Scope::kWrite: return "write";
        case Scope::kAdmin: return "admin";
    }
    return "read";
}

std::optional<Scope> parse_scope(std::string_view name) {
    for (const Scope scope : kScopes) {
        if (scope_name(scope) == name) return scope;
    }
    return std::nullopt;
}

bool Scopes::allows(Scope wanted) const {
    // They are in the order of what they grant.
    return bits_ >> static_cast<unsigned>(wanted) != 0;
}

std::vector<Scope> Scopes::granted() const {
    std::vector<Scope> scopes;
    for (const Scope scope : kScopes) {
        if ((bits_ >> static_cast<unsigned>(scope) & 1U) != 0) scopes.push_back(scope);
    }
    return scopes;
}

}  // namespace chronos::access
