// The program `chronos`.
#include "app/command_line.h"

int main(int argc, char** argv) {
    return chronos::app::run_command_line(argc, argv);
}
