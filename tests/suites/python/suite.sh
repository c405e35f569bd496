#!/usr/bin/env bash
# pika 1.3.2: its acceptance tests. py-amqp 5.3.1: its integration tests, those without TLS.
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    debian_packages python3-pytest python3-tornado python3-gevent python3-twisted python3-vine
    debian_source trixie python-pika
    debian_source trixie python-amqp
}

# tests DIRECTORY ARGUMENT...: pytest's lines, with the directory before each name.
tests() {
    local directory=$1
    shift
    (
        cd "$SUITE_WORK/src/$directory"
        PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD timeout 500 /usr/bin/python3 -m pytest -q \
            -p no:cacheprovider -rA --show-capture=no "$@" 2>&1 || true
    ) | sed -nE "s/^PASSED (.*)/PASS $directory \1/p; s/^(FAILED|ERROR) ([^ ]*::[^ ]*).*/FAIL $directory \2/p"
}

run() {
    tests python-pika -o python_files='*_test.py *_tests.py' tests/acceptance \
        --ignore tests/acceptance/twisted_adapter_tests.py
    tests python-amqp -m env -k 'not tls' t/integration
}

"$1"
