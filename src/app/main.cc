// The program `chronos`.
#include "app/command_line.h"
#include "io/posix/open_file_limit.h"
#include "io/posix/standard_descriptors.h"

int main(int argc, char** argv) {
    chronos::io::fill_standard_descriptors();
    chronos::io::raise_open_file_limit();
    return chronos::app::run_command_line(argc, argv);
}
