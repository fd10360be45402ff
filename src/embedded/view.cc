// View: reading through a pin. The work is done by store/ and projection/.
#include <algorithm>

#include "base/result.h"
#include "chronos/store.h"
#include "embedded/engine.h"
#include "store/cursor.h"
#include "store/filter.h"
#include "store/pins.h"

namespace chronos {
namespace {

constexpr std::uint32_t kPageLimitMax = 10'000;

Status fill(const store::IndexSet& indexes, const store::ScanResult& found, Page& page) {
    store::reset(page);
    store::Reader reader(indexes, store::reading_into(page));
    page.has_more_ = found.has_more;
    page.examined_ = found.examined;
    return store::add_events(reader, found.seqs, page);
}

}  // namespace

ViewInfo View::info() const { return impl_->view.info; }

Result<View> View::of_cursor(std::string_view text) const {
    const store::Database& database = *impl_->engine->database;
    ASSIGN_OR_RETURN(const store::Cursor cursor, store::decode_cursor(text, database.log()));
    if (cursor.branch != impl_->view.branch)
        return base::fail(ErrorCode::kCursorMismatch,
                          "this cursor was made for another branch; start again without a cursor");
    auto impl = std::make_shared<View::Impl>(*impl_);
    store::PinnedView& view = impl->view;
    view.end_seq = std::min(cursor.view_end_seq, database.published_seq());
    view.layers = view.published_layers.below(view.end_seq);
    view.as_of = view.info.as_of = cursor.as_of;
    view.info.known_at.reset();
    view.info.at.reset();
    view.info.settled = cursor.settled;
    const std::uint64_t positions = store::position_end(database.indexes(), view.layers, view.end_seq);
    if (positions > 0) view.info.at = Position{positions - 1};
    View answer;
    answer.impl_ = std::move(impl);
    return answer;
}

Status View::read(const ReadOptions& options, Page& page) const {
    const store::Database& database = *impl_->engine->database;
    const store::IndexSet& indexes = database.indexes();
    if (options.limit < 1 || options.limit > kPageLimitMax)
        return base::fail(ErrorCode::kLimitExceeded, "limit is 1 to 10000, not " + std::to_string(options.limit));
    ASSIGN_OR_RETURN(const store::CompiledFilter filter, store::CompiledFilter::compile(options.filter));
    store::PinnedView view = impl_->view;
    store::ScanRequest request{.begin_seq = 0,
                               .end_seq = view.end_seq,
                               .forward = options.order == Order::kForward,
                               .limit = options.limit,
                               .examined_max = options.examined_max,
                               .bytes_max = options.bytes_max};
    const auto go_on_after = [&](std::uint64_t seq) {
        if (request.forward) {
            request.begin_seq = seq + 1;
        } else {
            request.end_seq = std::min(request.end_seq, seq);
        }
    };
    if (!options.cursor.empty()) {
        ASSIGN_OR_RETURN(const store::Cursor cursor, store::decode_cursor(options.cursor, database.log()));
        if (cursor.branch != view.branch || cursor.forward != request.forward ||
            cursor.filter_fingerprint != filter.fingerprint())
            return base::fail(ErrorCode::kCursorMismatch,
                              "this cursor was made for another branch, order or filter; start again without a cursor");
        // Everything of a cursor's view was published when it was made, and nothing published goes away.
        view.end_seq = std::min(cursor.view_end_seq, database.published_seq());
        view.layers = view.published_layers.below(view.end_seq);
        view.as_of = cursor.as_of;
        request.end_seq = view.end_seq;
        go_on_after(cursor.last_seq);
    } else if (options.after) {
        const std::uint64_t positions = store::position_end(indexes, view.layers, view.end_seq);
        if (options.after->value < positions) {
            go_on_after(store::seq_of(indexes, view.layers, options.after->value));
        } else if (request.forward) {
            if (options.after->value >= std::max<std::uint64_t>(positions, 1))
                return base::fail(ErrorCode::kInvalidArgument, "after " + std::to_string(options.after->value) +
                                                                   " is beyond the view, which has " +
                                                                   std::to_string(positions) + " events");
            request.begin_seq = view.end_seq;
        }
    }
    ASSIGN_OR_RETURN(const store::ScanResult found, store::scan(indexes, view, filter, request));
    const Status filled = fill(indexes, found, page);
    own(page, impl_->engine);
    RETURN_IF_ERROR(filled);
    if (found.has_more)
        page.next_cursor_ = store::encode_cursor({.branch = view.branch,
                                                  .forward = request.forward,
                                                  .filter_fingerprint = filter.fingerprint(),
                                                  .view_end_seq = view.end_seq,
                                                  .last_seq = found.last_seq,
                                                  .as_of = view.as_of,
                                                  .settled = view.info.settled},
                                                 database.log());
    return {};
}

Result<std::uint64_t> View::count(const Filter& filter) const {
    ASSIGN_OR_RETURN(const MatchCount found, count_within(filter, 0));
    return found.count;
}

Result<MatchCount> View::count_within(const Filter& filter, std::uint64_t examined_max) const {
    ASSIGN_OR_RETURN(const store::CompiledFilter compiled, store::CompiledFilter::compile(filter));
    ASSIGN_OR_RETURN(const store::ScanResult found,
                     store::scan(impl_->engine->database->indexes(), impl_->view, compiled,
                                 {.begin_seq = 0,
                                  .end_seq = impl_->view.end_seq,
                                  .forward = true,
                                  .count_only = true,
                                  .examined_max = examined_max}));
    return MatchCount{.count = found.count, .is_complete = !found.has_more};
}

Status View::read_entity(std::string_view entity_id, const EntityReadOptions& options, Page& page) const {
    Status read = store::read_entity(impl_->engine->database->indexes(), impl_->view, entity_id, options, page);
    own(page, impl_->engine);
    return read;
}

Status View::read_last_resident(std::string_view entity_id, std::uint32_t count, Page& page) const {
    Status read = store::read_last_resident(impl_->engine->database->indexes(), impl_->view, entity_id, count, page);
    own(page, impl_->engine);
    return read;
}

Status View::read_event(const Uuid& id, Page& page) const {
    Status read = store::read_event(impl_->engine->database->indexes(), impl_->view, id, page);
    own(page, impl_->engine);
    return read;
}

Result<State> View::state(std::string_view entity_id, const StateOptions& options) const {
    return impl_->engine->folder.state(impl_->view, entity_id, options);
}

Result<std::vector<HistoryEntry>> View::history(std::string_view entity_id, const StateOptions& options) const {
    return impl_->engine->folder.history(impl_->view, entity_id, options);
}

Result<HistoryPage> View::history_page(std::string_view entity_id, const StateOptions& options,
                                       const HistoryPart& part) const {
    return impl_->engine->folder.history_page(impl_->view, entity_id, options, part);
}

Result<std::vector<std::string>> View::entities(std::string_view prefix, std::string_view after,
                                                std::uint32_t limit) const {
    return store::list_entities(impl_->engine->database->indexes(), impl_->view, prefix, after, limit);
}

}  // namespace chronos
