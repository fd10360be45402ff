// The program `chronos`.
#include "app/command_line.h"
#include "io/posix/standard_descriptors.h"

int main(int argc, char** argv) {
    chronos::io::fill_standard_descriptors();
    return chronos::app::run_command_line(argc, argv);
}
