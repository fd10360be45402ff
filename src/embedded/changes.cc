// View::changes: the work is done by projection/changes.
#include "projection/changes.h"

#include "base/result.h"
#include "embedded/engine.h"

namespace chronos {

Result<Changes> View::changes(const View& before, const ChangesOptions& options) const {
    if (impl_->engine != before.impl_->engine)
        return base::fail(ErrorCode::kInvalidArgument, "the two views are of different stores");
    return projection::find_changes(*impl_->engine->database, impl_->engine->folder, before.impl_->view, impl_->view,
                                    options);
}

}  // namespace chronos
