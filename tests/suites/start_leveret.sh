# Starts the Leveret of a suite; its data is kept from one start to the next.
: >"$SUITE_NODE/log"
"$LEVERET" serve --data-dir "$SUITE_NODE/data" --set listeners.tcp.default=5672 \
    >"$SUITE_NODE/log" 2>&1 </dev/null &
echo $! >"$SUITE_NODE/pid"
