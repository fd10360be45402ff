// Every command of the program. Each adds itself, with its options and help, to the command line.
//
// Threads: one, before the command line is read.
#pragma once

#include "app/program.h"

namespace chronos::app {

void add_init_command(CLI::App& parent, Program& program);
void add_append_command(CLI::App& parent, Program& program);
void add_ingest_command(CLI::App& parent, Program& program);
void add_import_commands(CLI::App& parent, Program& program);
void add_import_git_command(CLI::App& parent, Program& program);
void add_import_csv_command(CLI::App& parent, Program& program);
void add_import_cloudevents_command(CLI::App& parent, Program& program);
void add_fork_commands(CLI::App& parent, Program& program);
void add_fork_create_command(CLI::App& parent, Program& program);
void add_fork_list_command(CLI::App& parent, Program& program);
void add_fork_show_command(CLI::App& parent, Program& program);
void add_fork_extend_command(CLI::App& parent, Program& program);
void add_fork_discard_command(CLI::App& parent, Program& program);
void add_fork_merge_command(CLI::App& parent, Program& program);
void add_fork_reclaim_command(CLI::App& parent, Program& program);
void add_fork_diff_command(CLI::App& parent, Program& program);
void add_fork_run_command(CLI::App& parent, Program& program);
void add_export_command(CLI::App& parent, Program& program);
void add_query_command(CLI::App& parent, Program& program);
void add_state_command(CLI::App& parent, Program& program);
void add_history_command(CLI::App& parent, Program& program);
void add_diff_command(CLI::App& parent, Program& program);
void add_entities_command(CLI::App& parent, Program& program);
void add_stats_command(CLI::App& parent, Program& program);
void add_tail_command(CLI::App& parent, Program& program);
void add_top_command(CLI::App& parent, Program& program);
void add_mcp_command(CLI::App& parent, Program& program);
void add_serve_command(CLI::App& parent, Program& program);
void add_config_commands(CLI::App& parent, Program& program);
void add_backup_command(CLI::App& parent, Program& program);
void add_restore_command(CLI::App& parent, Program& program);
void add_verify_command(CLI::App& parent, Program& program);
void add_salvage_command(CLI::App& parent, Program& program);
void add_bench_commands(CLI::App& parent, Program& program);
void add_bench_append_command(CLI::App& parent, Program& program);
void add_bench_query_command(CLI::App& parent, Program& program);
void add_bench_fork_command(CLI::App& parent, Program& program);
void add_demo_command(CLI::App& parent, Program& program);
void add_completions_command(CLI::App& parent, Program& program);
void add_version_command(CLI::App& parent, Program& program);

}  // namespace chronos::app
