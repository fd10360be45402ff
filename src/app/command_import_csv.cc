// chronos import csv.
#include <memory>

#include "app/commands.h"
#include "app/csv.h"
#include "app/csv_event.h"
#include "app/fork_option.h"
#include "app/input.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/record_import.h"
#include "base/result.h"

namespace chronos::app {
namespace {

struct CsvFlags {
    std::string file;
    std::string delimiter = ",";
    std::string encoding = "utf8";
    ForkFlag fork;
    bool accept_clock = false;
    CsvColumns columns;
};

Result<CsvEvents> read_header(CsvReader& csv, const CsvColumns& columns) {
    std::vector<std::string> header;
    ASSIGN_OR_RETURN(const bool has_header, csv.next(header));
    if (!has_header) return base::fail(ErrorCode::kInvalidArgument, "there is no header line");
    return CsvEvents::create(std::move(header), columns);
}

Status read_records(CsvReader& csv, const CsvEvents& events, RecordImport& import) {
    std::vector<std::string> record;
    while (interrupted_by() == 0) {
        ASSIGN_OR_RETURN(const bool more, csv.next(record));
        // An interrupted read ends in the middle of a record.
        if (!more || interrupted_by() != 0) break;
        if (Status status = events.add(record, import.batch()); !status.ok())
            return base::with_context(std::move(status).error(), "line " + std::to_string(csv.line_number()));
        RETURN_IF_ERROR(import.added(csv.line_number()));
    }
    return {};
}

Result<char> delimiter_of(const std::string& text) {
    if (text == "\\t" || text == "tab") return '\t';
    if (text.size() == 1 && text[0] != '"' && text[0] != '\n' && text[0] != '\r') return text[0];
    return base::fail(ErrorCode::kInvalidArgument, "--delimiter '" + text + "': one character, or tab");
}

Result<int> run_import_csv(Program& program, const CsvFlags& flags) {
    if (flags.columns.type.empty() == flags.columns.type_column.empty())
        return base::fail(ErrorCode::kInvalidArgument, "one of --type and --type-column is needed");
    ASSIGN_OR_RETURN(const char delimiter, delimiter_of(flags.delimiter));
    ASSIGN_OR_RETURN(const auto input, Input::open(flags.file));
    CsvReader csv([&input = *input](std::span<char> out) { return input.read(out); }, delimiter,
                  flags.encoding == "latin1" ? CsvEncoding::kLatin1 : CsvEncoding::kUtf8);
    ASSIGN_OR_RETURN(const CsvEvents events, read_header(csv, flags.columns));
    ASSIGN_OR_RETURN(const auto endpoint, open_for_writing(program, flags.fork, {.accept_clock = flags.accept_clock}));
    client::Endpoint& store = *endpoint;
    ASSIGN_OR_RETURN(const Branch branch, choose_branch(program, store, flags.fork));
    catch_interrupts();
    RecordImport import(program, store, branch.name, *input);
    Status read = read_records(csv, events, import);
    return import.finish(std::move(read));
}

}  // namespace

void add_import_csv_command(CLI::App& parent, Program& program) {
    auto flags = std::make_shared<CsvFlags>();
    CLI::App* command =
        add_command(parent, program,
                    {.name = "csv",
                     .about = "Each record of a CSV file as an event; columns not named become its payload",
                     .example = "chronos import csv orders.csv --entity-column order --type order.placed "
                                "--time-column at --infer-types",
                     .appends = true});
    command->add_option("file", flags->file, "CSV with a header, plain or compressed, or -")
        ->required()
        ->type_name("FILE");
    command->add_option("--entity-column", flags->columns.entity, "Names the entity")->required()->type_name("COLUMN");
    CLI::Option* type = command->add_option("--type", flags->columns.type, "Type of every event")->type_name("TYPE");
    command->add_option("--type-column", flags->columns.type_column, "Names the type of each event")
        ->type_name("COLUMN")
        ->excludes(type);
    command->add_option("--time-column", flags->columns.time_column, "When it occurred, RFC 3339 or a date")
        ->type_name("COLUMN");
    command
        ->add_option("--id-column", flags->columns.id_column,
                     "Identifies the record, so that importing again appends only what is new")
        ->type_name("COLUMN");
    command->add_option("--delimiter", flags->delimiter, "Between fields; tab for a tab")->capture_default_str();
    command->add_option("--encoding", flags->encoding, "Of the file")
        ->check(one_of({"utf8", "latin1"}))
        ->capture_default_str();
    command->add_flag("--infer-types", flags->columns.infer_types,
                      "Numbers, true, false and nothing (null) are no strings");
    flags->fork.add_to(command);
    add_accept_clock(command, flags->accept_clock);
    on_chosen(command, program, [flags](Program& p) { return run_import_csv(p, *flags); });
}

}  // namespace chronos::app
