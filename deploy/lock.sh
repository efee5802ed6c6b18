#!/bin/sh
# Writes the hash-pinned locks anew. Needs `uv`. No host stands in them: whoever installs chooses
# the index, and the hashes decide what may come from it.
set -eu
cd "$(dirname "$0")/.."
build=$(mktemp --suffix=.in)
trap 'rm -f "$build"' EXIT
# Building the project itself needs it, and nothing that is not in the lock may come in.
echo 'setuptools>=77' > "$build"
lock() {
    output=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-header --no-annotate "$@" --output-file "$output" \
        pyproject.toml "$build"
}
lock requirements.lock --extra demo
lock requirements-dev.lock --extra demo --extra dev
