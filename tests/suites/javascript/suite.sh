#!/usr/bin/env bash
# amqplib 1.1.1: the last release whose npm package carries its tests.
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    command -v npm >/dev/null || debian_packages nodejs npm
    node_package amqplib@1.1.1
    cd "$SUITE_WORK/src/amqplib"
    [[ -d node_modules/claire ]] || npm install --no-save --ignore-scripts claire@0.4.1
}

run() {
    cd "$SUITE_WORK/src/amqplib"
    local file
    for file in test/*.test.js; do
        URL=amqp://localhost timeout 120 node --test --test-timeout=5000 \
            --test-reporter="$SUITES_DIR/javascript/lines.mjs" "$file" || true
    done
}

"$1"
