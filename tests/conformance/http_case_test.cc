// Runs tests/conformance/*.test over HTTP against the real program, each file with a store of its own.
#include "conformance/http_case.h"

#include <algorithm>
#include <filesystem>

#include "conformance/program_runner.h"
#include "conformance/server_process.h"

namespace chronos::conformance {
namespace {

constexpr const char* kFolder = CHRONOS_SOURCE_DIR "/tests/conformance";

std::vector<std::string> case_files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
        if (entry.path().extension() == ".test") names.push_back(entry.path().stem());
    }
    std::sort(names.begin(), names.end());
    return names;
}

class HttpContract : public testing::TestWithParam<std::string> {};

TEST_P(HttpContract, AnswersAsTheCasesSay) {
    std::string problem;
    const std::vector<HttpCase> cases = read_cases(GetParam(), problem);
    ASSERT_EQ(problem, "");
    ASSERT_FALSE(cases.empty());
    ServerProcess server;
    ASSERT_TRUE(server.is_running());
    Saved saved = server.make_keys();
    for (const HttpCase& one : cases) {
        const HttpAnswer answer = ask(server.port(), filled_in(one, saved));
        const std::string found = compare(one, answer, saved);
        EXPECT_EQ(found, "") << GetParam() << ".test:" << one.line << ": " << one.title << "\n"
                             << answer.status << " " << answer.body.substr(0, 2'000);
    }
    EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Files, HttpContract, testing::ValuesIn(case_files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace chronos::conformance
