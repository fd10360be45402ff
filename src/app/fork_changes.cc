#include "app/fork_changes.h"

#include "app/changes_text.h"
#include "app/state_text.h"
#include "base/result.h"
#include "wire/changes_json.h"

namespace chronos::app {
Status write_changes(Program& program, const Changes& changes) {
    const ValueStyle values = value_style(program);
    for (const EntityChange& change : changes.entities) {
        program.out.write(program.common.json ? wire::entity_change_as_json(change) + "\n"
                                              : entity_change_as_text(change, values));
    }
    program.out.line(program.common.json ? wire::changes_summary_as_json(changes) : changes_summary_as_text(changes));
    return program.out.flush();
}

}  // namespace chronos::app
