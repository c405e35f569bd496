#!/usr/bin/env bash
# amqp091-go 1.5.0: the tests come with the package.
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    debian_packages golang-go golang-github-rabbitmq-amqp091-go-dev golang-uber-goleak-dev
    cd /usr/share/gocode/src/github.com/rabbitmq/amqp091-go
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$SUITE_WORK/cache GOFLAGS= \
        go test -c -tags integration -o "$SUITE_WORK/amqp091.test" .
}

run() {
    cd /usr/share/gocode/src/github.com/rabbitmq/amqp091-go
    timeout 300 "$SUITE_WORK/amqp091.test" -test.v | tee "$SUITE_WORK/$SUITE_BROKER.out" >&2 || true
    sed -nE 's/^ *--- (PASS|FAIL|SKIP): ([^ ]+) .*/\1 \2/p' "$SUITE_WORK/$SUITE_BROKER.out"
}

"$1"
