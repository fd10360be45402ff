// The fixtures of the official suite that ask the client for something, and how fixtures are added.
//
// Threads: before the first request.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/offers.h"

namespace chronos::mcp {

void add_fixture(Offers& offers, std::string_view name, std::function<Reply(Exchange&, const Json&)> call,
                 Json input_schema = {{"type", "object"}});
void add_prompt_fixture(Offers& offers, std::string_view name, const std::vector<std::string>& arguments,
                        std::function<Reply(Exchange&, const Json&)> get);

void add_question_tools(Offers& offers);

}  // namespace chronos::mcp
