#!/usr/bin/env bash
# inside.sh BROKER SUITE: within the namespace of one suite: a broker on port 5672, the suite, its lines on standard output.
set -euo pipefail
export SUITE_BROKER=$1
suite=$2
export SUITE_CTL=$SUITES_DIR/rabbitmqctl
export SUITE_NODE=$SUITE_WORK/node-$SUITE_BROKER
export AMQP_URL=amqp://guest:guest@127.0.0.1:5672/
ip link set lo up
hostname localhost
rm -rf "$SUITE_NODE"
mkdir -p "$SUITE_NODE"

start_leveret() { bash "$SUITES_DIR/start_leveret.sh"; }

start_rabbitmq() {
    mkdir -p "$SUITE_NODE/home"
    : >"$SUITE_NODE/rabbitmq.conf"
    echo '[rabbitmq_consistent_hash_exchange].' >"$SUITE_NODE/enabled_plugins"
    source "$SUITES_DIR/rabbitmq_environment.sh"
    /usr/lib/rabbitmq/bin/rabbitmq-server >"$SUITE_NODE/log" 2>&1 &
}

"start_$SUITE_BROKER"
for ((second = 0; second < 60; ++second)); do
    grep -qE 'Server startup complete|completed with' "$SUITE_NODE/log" && break
    sleep 1
done
bash "$SUITES_DIR/$suite/suite.sh" run </dev/null 2>"$SUITE_WORK/$SUITE_BROKER.log"
