#!/usr/bin/env bash
# Tries what /openapi.json describes with invented requests: the server must not fail, and must answer only what it says
# it answers, in the form it says. Then clients that others wrote, unchanged, where their tools are there.
#
#   scripts/check_http.sh [program]      default: build/release/bin/chronos
#
# The tools of scripts/http_tools.txt are put into build/http-tools the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=$(realpath "${1:-build/release/bin/chronos}")
tools=$PWD/build/http-tools
if ! cmp -s scripts/http_tools.txt $tools/installed.txt; then
    python3 -m venv $tools
    $tools/bin/pip install --quiet --disable-pip-version-check -r scripts/http_tools.txt
    cp scripts/http_tools.txt $tools/installed.txt
fi

directory=$(mktemp -d)
"$program" serve --dir "$directory/data" --port 0 --json >"$directory/started" 2>"$directory/log" &
server=$!
finish() {
    kill "$server" 2>/dev/null && wait "$server" || true
    rm -rf "$directory"
}
trap finish EXIT
for _ in $(seq 300); do
    [ -s "$directory/started" ] && break
    kill -0 "$server" || { cat "$directory/log"; exit 1; }
    sleep 0.1
done
url=$(python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["url"])' <"$directory/started")
key=$(cat "$directory/data/admin.key")

# Something to find, so that not every question ends with 404.
curl -fsS -o "$directory/answer" -H "Authorization: Bearer $key" "$url/api/v1/events/batch" -d '
    {"events": [{"entity_id": "order:1", "event_type": "order.placed", "payload": {"total": 42}, "tags": ["a"]},
                {"entity_id": "order:1", "event_type": "order.paid", "payload": {"paid": true}}]}'
curl -fsS -o "$directory/answer" -H "Authorization: Bearer $key" "$url/api/v1/forks" -d '{"name": "try"}'

# The seed repeats a run. Keys are left out: revoking the one it comes with would end the run.
hooks=$PWD/tests/clients
(cd "$directory" && PYTHONPATH=$hooks SCHEMATHESIS_HOOKS=invented_requests $tools/bin/schemathesis run "$url/openapi.json" --header "Authorization: Bearer $key" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-path-regex '^/api/v1/(keys/|events/(stream|sse)$)' --phases examples,coverage,fuzzing \
    --max-examples "${CHRONOS_HTTP_EXAMPLES:-15}" --seed "${CHRONOS_HTTP_SEED:-1}" --generation-database none \
    --suppress-health-check all --no-color --max-failures 20)
kill -0 "$server"

$tools/bin/python tests/clients/cloudevents_sdk.py "$url" "$key"
if command -v node >/dev/null; then
    node tests/clients/allsource_http.mjs "$url" "$key"
fi
# Hundreds of packages are compiled for it, so only where somebody asks.
if [ -n "${CHRONOS_CHECK_CRATES:-}" ]; then
    CARGO_TARGET_DIR=$PWD/build/allsource cargo run --quiet --manifest-path tests/clients/allsource/Cargo.toml -- \
        "$url" "$key"
fi
