#!/usr/bin/env bash
# bunny 2.23.0: its specs. Left out: those that need toxiproxy, TLS, the management API (connection_recovery_spec), RabbitMQ 3.11
# (default_queue_type_spec), and the 7,500 cases of connection_open_close_spec.
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    debian_packages ruby ruby-rspec ruby-amq-protocol ruby-sorted-set ruby-bundler ruby-json
    debian_source trixie ruby-bunny
    mkdir -p "$SUITE_WORK/lib"
    # The specs ask bundler for what is on the path here.
    echo 'module Bundler; def self.require(*); end; end' >"$SUITE_WORK/lib/bundler.rb"
}

run() {
    cd "$SUITE_WORK/src/ruby-bunny"
    # As bunny's own set-up script does.
    "$SUITE_CTL" add_vhost bunny_testbed >&2 || true
    "$SUITE_CTL" add_user bunny_gem bunny_password >&2 || true
    "$SUITE_CTL" add_user bunny_reader reader_password >&2 || true
    "$SUITE_CTL" set_permissions -p / guest '.*' '.*' '.*' >&2 || true
    "$SUITE_CTL" set_permissions -p / bunny_gem '.*' '.*' '.*' >&2 || true
    "$SUITE_CTL" set_permissions -p bunny_testbed bunny_gem '.*' '.*' '.*' >&2 || true
    "$SUITE_CTL" set_permissions -p bunny_testbed guest '.*' '.*' '.*' >&2 || true
    "$SUITE_CTL" set_permissions -p bunny_testbed bunny_reader '^---$' '^---$' '.*' >&2 || true
    local file
    find spec/higher_level_api spec/lower_level_api spec/issues spec/stress -name '*_spec.rb' | sort |
        grep -vE 'connection_recovery_spec|connection_open_close_spec|default_queue_type_spec|toxiproxy|tls_connection' |
        while read -r file; do
            CI=true timeout 120 ruby -I"$SUITE_WORK/lib" -Ilib -Ispec -S rspec \
                -r stringio -r "$SUITES_DIR/ruby/lines.rb" -f LineFormatter "$file" </dev/null || true
        done
}

"$1"
