#!/usr/bin/env bash
# Runs each fuzzer for CHRONOS_FUZZ_SECONDS (60), or those named:
#
#   scripts/fuzz.sh [x_fuzz ...]
#
# Inputs that reach new code are kept in build/fuzz/corpus/ for the next run; one that stops a fuzzer, in build/fuzz/found/.
# Each fuzzer has its turn, whatever the ones before found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${CHRONOS_FUZZ_SECONDS:-60}
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in tests/fuzz/*_fuzz.cc; do targets+=("$(basename "$source" .cc)"); done
fi

status=0
for target in "${targets[@]}"; do
    subject=${target%_fuzz}
    program=build/fuzz/bin/$target
    corpus=build/fuzz/corpus/$subject
    found=build/fuzz/found/$subject
    log=build/fuzz/$target.log
    mkdir -p "$corpus" "$found" "tests/fuzz/corpus/$subject"
    echo "$target: $seconds s"
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1 \
        -artifact_prefix="$found/" "$corpus" "tests/fuzz/corpus/$subject" >"$log" 2>&1; then
        grep -E 'number_of_executed_units|average_exec_per_sec|peak_rss_mb' "$log" | sed 's/^/    /'
    else
        status=1
        # What happened, without what libFuzzer tells about its progress.
        grep -vE '^#[0-9]+[[:space:]]+(NEW|REDUCE|pulse|INITED|RELOAD)' "$log" | tail -60
        input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        echo "repeat: $program ${input:-   # no input was written; see $log}"
    fi
done
exit $status
