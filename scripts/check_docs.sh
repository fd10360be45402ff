#!/usr/bin/env bash
# Runs the commands that the README, the guides and the reference show, so that they stay true.
#
#   scripts/check_docs.sh [folder of the chronos program]     default: build/release/bin
#
# Every block fenced as ```sh ci is run. The blocks of one page run in order, in one shell and one fresh
# folder, like a reader would; the first command that fails is named by file and line.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=$(realpath -m "${1:-$root/build/release/bin}")
if [ ! -x "$programs/chronos" ]; then
    echo "There is no program $programs/chronos; build it with: make build" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The page as a script: its other lines are left empty, so that line numbers are those of the page.
script_of() {
    awk '/^```/ { inside = !inside && $0 == "```sh ci"; print ""; next } { print inside ? $0 : "" }' "$1"
}

failed=0
shopt -s nullglob
for page in "$root/README.md" "$root"/docs/{guides,reference}/*.md; do
    name=${page#"$root/"}
    grep -qxF '```sh ci' "$page" || continue
    folder=$work/${name//\//_}
    mkdir "$folder"
    script_of "$page" >"$folder.sh"
    if (
        cd "$folder"
        unset CHRONOS_DIR CHRONOS_FORK CHRONOS_URL CHRONOS_API_KEY
        PATH="$programs:$PATH" bash -c '
            set -eEuo pipefail
            trap '\''echo "$1:$LINENO: failed: $BASH_COMMAND" >&3'\'' ERR
            source "$2"' bash "$name" "$folder.sh" 3>"$folder.failure" >"$folder.output" 2>&1 </dev/null
    ); then
        echo "ok      $name"
    else
        failed=1
        echo "FAILED  $name"
        tail -n 20 "$folder.output" | sed 's/^/    /'
        head -n 1 "$folder.failure"
    fi
done
exit $failed
