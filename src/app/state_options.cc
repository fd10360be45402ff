#include "app/state_options.h"

namespace chronos::app {

void StateFlags::add_to(CLI::App* command) {
    command->add_option("entity", entity, "The entity")->required()->type_name("ENTITY");
    view.add_to(command);
    fold.add_to(command);
}

}  // namespace chronos::app
