#!/usr/bin/env bash
# AnyEvent::RabbitMQ 1.22: its tests with a broker (xt).
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    debian_packages libanyevent-rabbitmq-perl libtest-exception-perl libtest-deep-perl
    debian_source bookworm libanyevent-rabbitmq-perl
}

run() {
    cd "$SUITE_WORK/src/libanyevent-rabbitmq-perl"
    local file
    for file in xt/0[456]*.t; do
        timeout 200 perl -Ilib "$file" 2>&1 | tee /dev/stderr |
            sed -nE "s#^ok [0-9]+ - (.*)#PASS $file \1#p; s#^not ok [0-9]+ - (.*)#FAIL $file \1#p" || true
    done
}

"$1"
