#!/usr/bin/env bash
# rabbitmq-c 0.11.0: test_basic is the test that talks to a broker; its tools are in tests/integration/test_amqp_tools.py.
set -euo pipefail
source "$SUITES_DIR/lib.sh"
src=$SUITE_WORK/src/librabbitmq

prepare() {
    debian_packages gcc libc6-dev librabbitmq-dev
    debian_source bookworm librabbitmq
    : >"$SUITE_WORK/config.h"
    gcc -w -DHAVE_CONFIG_H -DAMQP_STATIC -I"$SUITE_WORK" -I"$src/include" -I"$src/librabbitmq" -o "$SUITE_WORK/test_basic" \
        "$src/tests/test_basic.c" "$src/librabbitmq/amqp_time.c" -lrabbitmq
}

run() {
    if AMQP_BROKER=localhost timeout 60 "$SUITE_WORK/test_basic" >&2; then
        echo "PASS test_basic"
    else
        echo "FAIL test_basic"
    fi
}

"$1"
