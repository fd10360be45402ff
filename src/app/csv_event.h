// Records of a CSV file as events: some columns are the event's own fields, the others become its
// payload.
//
// Threads: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chronos/append.h"

namespace chronos::app {

struct CsvColumns {
    std::string entity;             ///< Required.
    std::string type, type_column;  ///< One of the two.
    std::string time_column, id_column;
    /// Numbers, true, false and the empty field (null) become JSON of their kind; else everything
    /// is a string.
    bool infer_types = false;
};

class CsvEvents {
public:
    /// Errors: kInvalidArgument — a column that is not there, or there twice.
    static Result<CsvEvents> create(std::vector<std::string> header, const CsvColumns& columns);

    /// Adds a record's event. Errors: kInvalidArgument, without the line.
    Status add(const std::vector<std::string>& record, BatchBuilder& batch) const;

private:
    CsvEvents() = default;
    [[nodiscard]] std::string payload_of(const std::vector<std::string>& record) const;

    std::vector<std::string> header_;
    std::vector<bool> is_payload_;
    std::size_t entity_ = 0;
    std::string type_;
    std::optional<std::size_t> type_column_, time_, id_;
    bool infer_types_ = false;
};

}  // namespace chronos::app
