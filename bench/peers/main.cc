// Chronos beside RocksDB, LMDB, SQLite, PostgreSQL, Redis and a raw log: bench/README.md explains
// the rows.
//
// Exit codes: 0 everything was measured; 1 a row failed, or (but not with --quick) a peer is not
// here; 2 the command line is wrong.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "peers/failure.h"
#include "peers/interrupt.h"
#include "peers/options.h"
#include "peers/report.h"
#include "peers/rows.h"
#include "peers/runner.h"
#include "peers/scratch.h"

namespace chronos::bench {
namespace {

std::string utc_now(const char* format) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 64> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), format, &parts);
    return {text.data(), size};
}

void declare(CLI::App& app, Options& options) {
    app.add_flag("--quick", options.quick, "Small sizes, one repetition: only whether it works");
    app.add_flag("--list", options.list, "Print the names of the rows and end");
    app.add_option("--rows", options.rows, "Rows whose names start so: append,single/chronos")->delimiter(',');
    app.add_option("--repetitions", options.repetitions, "How often each row is run")
        ->check(CLI::Range(1, 100))
        ->capture_default_str();
    app.add_option("--directory", options.directory,
                   "Where stores are made, and removed afterwards; it decides the disk")
        ->check(CLI::ExistingDirectory)
        ->capture_default_str();
    app.add_option("--results", options.results, "Where the two files go")->capture_default_str();
    app.add_option("--name", options.name, "Name of the two files (default: quick, or the date)");
}

std::vector<Group> wanted_groups(Bench& bench, const Options& options) {
    std::vector<Group> groups = peer_groups(bench);
    for (Group& group : chronos_groups(bench)) groups.push_back(std::move(group));
    for (Group& group : fork_groups(bench)) groups.push_back(std::move(group));
    for (Group& group : server_groups(bench)) groups.push_back(std::move(group));
    for (Group& group : mcp_groups(bench)) groups.push_back(std::move(group));
    if (options.rows.empty()) return groups;
    for (Group& group : groups)
        std::erase_if(group.rows, [&](const Row& row) {
            return std::ranges::none_of(options.rows,
                                        [&](const std::string& start) { return row.name.starts_with(start); });
        });
    std::erase_if(groups, [](const Group& group) { return group.rows.empty(); });
    return groups;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) throw Failure("cannot write " + path.string());
}

void write_files(const Report& report) {
    std::filesystem::create_directories(report.options.results);
    const std::filesystem::path path = report.options.results / report.options.name;
    write_file(path.string() + ".md", to_markdown(report));
    write_file(path.string() + ".json", to_json(report));
    std::fprintf(stderr, "written: %s.md and .json\n", path.c_str());
}

int exit_code(const Report& report) {
    bool incomplete = false;
    for (const GroupResult& group : report.groups)
        for (const RowResult& row : group.rows)
            incomplete |=
                row.status == RowStatus::kFailed || (row.status == RowStatus::kAbsent && !report.options.quick);
    return incomplete ? 1 : 0;
}

int run(Options options, std::string command) {
    catch_interrupts();
    const ScratchDirectory scratch(options.directory);
    Bench bench(scratch.path(), options.quick);
    std::vector<Group> groups = wanted_groups(bench, options);
    if (groups.empty()) throw Failure("--rows selects nothing; --list prints the names");
    if (options.list) {
        for (const Group& group : groups)
            for (const Row& row : group.rows) std::puts(row.name.c_str());
        return 0;
    }
    Report report{.options = std::move(options),
                  .command = std::move(command),
                  .date = utc_now("%Y-%m-%d %H:%M UTC"),
                  .machine = describe_machine(scratch.path())};
    for (Group& group : groups) {
        report.groups.push_back(run_group(std::move(group), report.options.repetitions));
        bench.forget_workloads();
    }
    report.load_at_end = load_average();
    std::fputs(to_markdown(report).c_str(), stdout);
    write_files(report);
    return interrupted() ? 1 : exit_code(report);
}

}  // namespace
}  // namespace chronos::bench

int main(int argc, char** argv) {
    using namespace chronos::bench;
    Options options;
    CLI::App app("Measures Chronos beside other stores, on this machine, in one run", "peers_bench");
    declare(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (options.quick && app.count("--repetitions") == 0) options.repetitions = 1;
    if (options.name.empty()) options.name = options.quick ? "quick" : utc_now("%Y-%m-%d");
    std::string command = "peers_bench";
    for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
    try {
        return run(std::move(options), std::move(command));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "peers_bench: %s\n", failure.what());
        return 1;
    }
}
