// Holds the code to ARCHITECTURE.md: each rule on a small planted text, then all rules on the tree.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "architecture/rules.h"

namespace chronos::architecture {
namespace {

namespace fs = std::filesystem;

using Broken = std::vector<std::string>;

TEST(Rank, AFolderIncludesItselfAndLowerRanks) {
    EXPECT_EQ(broken_rules("src/store/store.cc",
                           "#include \"store/view.h\"\n"
                           "#include \"wal/writer.h\"\n"
                           "#include \"io/clock.h\"\n"
                           "#include \"chronos/event.h\"\n"),
              Broken{});
}

TEST(Rank, AFolderDoesNotIncludeAHigherRank) {
    EXPECT_EQ(broken_rules("src/wal/writer.cc", "\n#include \"store/store.h\"\n"),
              Broken{"src/wal/writer.cc:2: \"store/store.h\" has rank 5; wal has 4 and includes "
                     "only lower ones"});
}

TEST(Rank, SiblingsDoNotIncludeEachOtherEvenInTests) {
    EXPECT_EQ(broken_rules("src/wal/writer_test.cc", "#include \"index/builder.h\"\n"),
              Broken{"src/wal/writer_test.cc:1: \"index/builder.h\" has rank 4; wal has 4 and "
                     "includes only lower ones"});
}

TEST(Rank, AnIncludeNamesAFolderOfKnownRank) {
    EXPECT_EQ(broken_rules("src/wal/writer.cc", "#include \"writer.h\"\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/wal/writer.cc", "#include \"tools/x.h\"\n").size(), 1U);
}

TEST(Rank, OnlyEmbeddedAndAppStandBeforeThePublicFront) {
    const std::string_view text = "#include \"chronos/store.h\"\n";
    EXPECT_EQ(broken_rules("src/embedded/store.cc", text), Broken{});
    EXPECT_EQ(broken_rules("src/app/main.cc", text), Broken{});
    EXPECT_EQ(broken_rules("src/store/engine.cc", text).size(), 1U);
}

TEST(Rank, PublicHeadersStandAlone) {
    const std::string opening = "// Purpose.\n#pragma once\n";
    EXPECT_EQ(broken_rules("include/chronos/store.h", opening + "#include \"chronos/read.h\"\n"), Broken{});
    EXPECT_EQ(broken_rules("include/chronos/read.h", opening + "#include \"chronos/store.h\"\n").size(), 1U);
    EXPECT_EQ(broken_rules("include/chronos/read.h", opening + "#include \"event/event.h\"\n").size(), 1U);
}

TEST(Rank, TheTwoWorldsOfIoKnowNothingOfEachOther) {
    EXPECT_EQ(broken_rules("src/io/posix/file.cc", "#include \"io/sim/disk.h\"\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/io/sim/disk.cc", "#include \"io/posix/file.h\"\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/io/sim/disk.cc", "#include \"io/file_system.h\"\n"), Broken{});
}

TEST(Rank, TheEngineDoesNotChooseItsEnvironmentButItsTestsDo) {
    const std::string_view text = "#include \"io/posix/file_system.h\"\n";
    EXPECT_EQ(broken_rules("src/store/store.cc", text).size(), 1U);
    EXPECT_EQ(broken_rules("src/store/store_test.cc", text), Broken{});
    EXPECT_EQ(broken_rules("src/store/store_fixture.h", "// For tests.\n#pragma once\n" + std::string(text)), Broken{});
    EXPECT_EQ(broken_rules("src/embedded/store.cc", text), Broken{});
}

TEST(Reach, OnlyIoReachesTheOperatingSystem) {
    for (const std::string header : {"fcntl.h", "unistd.h", "sys/stat.h", "sys/mman.h", "fstream", "filesystem"}) {
        const std::string text = "#include <" + header + ">\n";
        EXPECT_EQ(broken_rules("src/io/posix/file.cc", text), Broken{}) << header;
        EXPECT_EQ(broken_rules("src/store/store.cc", text).size(), 1U) << header;
        EXPECT_EQ(broken_rules("src/store/store_test.cc", text), Broken{}) << header;
    }
}

TEST(Reach, AppHandlesItsTerminalButNoFiles) {
    EXPECT_EQ(broken_rules("src/app/terminal.cc", "#include <unistd.h>\n#include <sys/ioctl.h>\n"), Broken{});
    EXPECT_EQ(broken_rules("src/app/import.cc", "#include <fstream>\n").size(), 1U);
}

TEST(Reach, TimeAndRandomnessComeFromIo) {
    for (const std::string_view text :
         {"auto t = std::chrono::system_clock::now();\n", "auto t = std::chrono::steady_clock::now();\n",
          "std::random_device seed;\n", "clock_gettime(CLOCK_REALTIME, &t);\n"}) {
        EXPECT_EQ(broken_rules("src/store/store.cc", text).size(), 1U) << text;
        EXPECT_EQ(broken_rules("src/io/posix/clock.cc", text), Broken{}) << text;
    }
    EXPECT_EQ(broken_rules("src/store/store.cc", "// Never steady_clock::now().\n"), Broken{});
}

TEST(Reach, EventKnowsNoThreadsAndJsonIsReadInOnePlace) {
    EXPECT_EQ(broken_rules("src/event/event.cc", "#include <mutex>\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/store/store.cc", "#include <mutex>\n"), Broken{});
    EXPECT_EQ(broken_rules("src/store/store.cc", "#include <simdjson.h>\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/app/parse.cc", "#include <nlohmann/json.hpp>\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/json/scan_test.cc", "#include <simdjson.h>\n"), Broken{});
}

TEST(Shape, AHeaderOpensWithItsPurposeAndHasPragmaOnce) {
    EXPECT_EQ(broken_rules("src/wal/writer.h", "// Purpose.\n#pragma once\n"), Broken{});
    EXPECT_EQ(broken_rules("src/wal/writer.h", "#pragma once\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/wal/writer.h", "// Purpose.\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/wal/writer.h", "").size(), 2U);
}

TEST(Shape, AFileHasNoLeftOversAndAtMost700Lines) {
    EXPECT_EQ(broken_rules("src/wal/writer.cc", std::string("int x;  // TO") + "DO: more\n"),
              Broken{"src/wal/writer.cc:1: a left-over; finish it or take it out"});
    EXPECT_EQ(broken_rules("src/wal/writer.cc", std::string(700, '\n')), Broken{});
    EXPECT_EQ(broken_rules("src/wal/writer.cc", std::string(701, '\n')).size(), 1U);
    EXPECT_EQ(broken_rules("src/wal/writer_test.cc", std::string(701, '\n')), Broken{});
}

TEST(Shape, ALoopHoldsWhatItGoesOver) {
    EXPECT_EQ(
        broken_rules("src/store/set.cc", "for (const auto& part : indexes_->parts()->memory) add(part);\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/store/set.cc", "    for (auto part : parts(1)->files) {\n").size(), 1U);
    EXPECT_EQ(broken_rules("src/store/set.cc", "for (const auto& part : held->memory) add(part->bytes());\n"),
              Broken{});
    EXPECT_EQ(broken_rules("src/store/set.cc", "for (std::size_t i = f()->size(); i > 0; --i) {\n"), Broken{});
}

TEST(Shape, AFolderSaysWhatIsInIt) {
    EXPECT_EQ(objection_to_folder("wal"), "");
    EXPECT_NE(objection_to_folder("common"), "");
    EXPECT_NE(objection_to_folder("utils"), "");
    EXPECT_NE(objection_to_folder("helpers"), "");
    EXPECT_NE(objection_to_folder("tools"), "");
}

// --- the tree ------------------------------------------------------------------------------------

const fs::path& root() {
    static const fs::path path = CHRONOS_SOURCE_DIR;
    return path;
}

std::string text_of(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<fs::path> code_files_under(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        const fs::path extension = entry.path().extension();
        if (entry.is_regular_file() && (extension == ".h" || extension == ".cc")) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

TEST(Tree, EveryFileOfTheLibraryKeepsTheRules) {
    for (const fs::path& folder : {root() / "include", root() / "src"}) {
        const std::vector<fs::path> files = code_files_under(folder);
        EXPECT_FALSE(files.empty()) << folder;
        for (const fs::path& file : files) {
            const std::string path = file.lexically_relative(root()).generic_string();
            for (const std::string& broken : broken_rules(path, text_of(file))) ADD_FAILURE() << broken;
        }
    }
}

TEST(Tree, EveryFolderHasARankAndIsInTheArchitecturePage) {
    const std::string page = text_of(root() / "ARCHITECTURE.md");
    for (const fs::directory_entry& entry : fs::directory_iterator(root() / "src")) {
        const std::string name = entry.path().filename().string();
        ASSERT_TRUE(entry.is_directory()) << "src/" << name << " belongs in a folder";
        EXPECT_EQ(objection_to_folder(name), "");
        EXPECT_TRUE(page.find("`" + name + "/`") != std::string::npos)
            << "ARCHITECTURE.md does not name " << name << "/";
    }
}

}  // namespace
}  // namespace chronos::architecture
