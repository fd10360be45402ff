// The version of the program, as CMakeLists.txt gives it to the project.
#pragma once

#include <string_view>

namespace chronos::server {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace chronos::server
