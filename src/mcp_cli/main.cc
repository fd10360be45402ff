// The program `mcp-cli`.
#include "io/posix/open_file_limit.h"
#include "io/posix/standard_descriptors.h"
#include "mcp_cli/command_line.h"

int main(int argc, char** argv) {
    chronos::io::fill_standard_descriptors();
    chronos::io::raise_open_file_limit();
    return chronos::mcp_cli::run_command_line(argc, argv);
}
