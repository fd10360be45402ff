#include "app/state_options.h"

#include <utility>

#include "base/result.h"

namespace chronos::app {

void StateFlags::add_to(CLI::App* command) {
    command->add_option("entity", entity, "The entity")->required()->type_name("ENTITY");
    view.add_to(command);
    fold.add_to(command);
}

Error entity_not_there(const std::string& entity, const ViewOptions& view, const State& state) {
    std::string message = "there is no entity " + entity + view_text(view);
    if (state.first_event_at) message += "; its first event is of " + state.first_event_at->to_string();
    return base::fail(ErrorCode::kNotFound, std::move(message));
}

}  // namespace chronos::app
