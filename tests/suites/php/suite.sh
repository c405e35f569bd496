#!/usr/bin/env bash
# php-amqplib 3.7.3: its functional tests. php-amqp 1.11.0: its phpt tests.
set -euo pipefail
source "$SUITES_DIR/lib.sh"

prepare() {
    debian_packages phpunit php-cli php-dev php-amqp php-bcmath php-mbstring php-xml
    debian_source trixie php-amqplib
    debian_source bookworm php-amqp
    mkdir -p "$SUITE_WORK/src/php-amqplib/vendor"
    cp "$SUITES_DIR/php/autoload.php" "$SUITE_WORK/src/php-amqplib/vendor/autoload.php"
}

run() {
    cd "$SUITE_WORK/src/php-amqplib"
    timeout 500 phpunit --bootstrap tests/bootstrap.php --testdox-text "$SUITE_WORK/testdox" \
        --log-junit "$SUITE_WORK/junit.xml" --no-configuration tests/Functional >&2 || true
    /usr/bin/python3 "$SUITES_DIR/php/junit_lines.py" "$SUITE_WORK/junit.xml"
    cd "$SUITE_WORK/src/php-amqp"
    TEST_PHP_EXECUTABLE=$(command -v php) NO_INTERACTION=1 timeout 600 \
        php /usr/lib/php/*/build/run-tests.php -q --no-color --no-progress \
        -g PASS,FAIL,SKIP --offline tests | tee /dev/stderr |
        sed -nE 's#^(PASS|FAIL|SKIP) .*\[(tests/[^]]*)\].*#\1 php-amqp \2#p' || true
}

"$1"
