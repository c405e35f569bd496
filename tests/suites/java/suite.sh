#!/usr/bin/env bash
# rabbitmq-java-client 5.0.0: its functional, server and client tests, which drive the broker through rabbitmqctl and make.
# Left out: what needs awaitility or a second node (Metrics, HATests, EffectVisibilityCrossNodeTest), TLS, performance, and
# Bug19219Test, whose threads outlive it and starve the next tests on any broker.
set -euo pipefail
source "$SUITES_DIR/lib.sh"
src=$SUITE_WORK/src/rabbitmq-java-client
tests=$src/src/test/java
jars=/usr/share/java
path=$SUITE_WORK/classes:$jars/amqp-client.jar:$jars/junit4.jar:$jars/hamcrest.jar
path+=:$jars/hamcrest-library.jar:$jars/mockito-core.jar:$jars/byte-buddy.jar:$jars/byte-buddy-agent.jar
path+=:$jars/objenesis.jar:$jars/metrics-core.jar:$jars/slf4j-api.jar:$jars/logback-classic.jar
path+=:$jars/logback-core.jar:$jars/bcpkix.jar:$jars/bcprov.jar:$jars/commons-cli.jar

prepare() {
    debian_packages default-jdk-headless librabbitmq-client-java junit4 libhamcrest-java \
        libmockito-java libdropwizard-metrics-java liblogback-java libslf4j-java libbcpkix-java \
        libcommons-cli-java
    debian_source bookworm rabbitmq-java-client
    find "$tests" -name '*.java' ! -name FunctionalTests.java -print0 |
        xargs -0 grep -LE 'awaitility|micrometer' >"$SUITE_WORK/sources"
    mkdir -p "$SUITE_WORK/classes"
    javac -nowarn -proc:none -d "$SUITE_WORK/classes" -cp "$path" "@$SUITE_WORK/sources" \
        "$SUITES_DIR"/java/*.java
    cp "$src"/src/test/resources/config.properties "$SUITE_WORK/classes"
    echo '<configuration/>' >"$SUITE_WORK/classes/logback-test.xml"
}

test_classes() {
    local package=$tests/com/rabbitmq/client/test
    grep -lE '@Test|extends \w+' "$package"/*.java "$package"/functional/*.java "$package"/server/*.java |
        xargs grep -LE '^(public )?(abstract class|interface)|@Suite' |
        grep -Fxf "$SUITE_WORK/sources" |
        grep -vE '/(HATests|EffectVisibilityCrossNodeTest|ClusteredTestBase|AbstractRMQTestSuite|BrokerTestCase|TestUtils|RequiredPropertiesSuite|ConfirmBase|BindingLifecycleBase|Bug19219Test|CloseInMainLoop2?|MultiThreadedChannel|Dns\w*)\.java$' |
        sed "s#^$tests/##; s#/#.#g; s#\.java\$##"
}

run() {
    local classes
    mapfile -t classes < <(test_classes)
    [[ -z ${JAVA_CLASSES:-} ]] || read -ra classes <<<"$JAVA_CLASSES"
    local status=75 last
    while [[ $status -eq 75 && ${#classes[@]} -gt 0 ]]; do
        status=0
        timeout 1500 java -cp "$path" -Dmake.bin="$SUITES_DIR/java/make" -Drabbitmq.dir=/ \
            -Drabbitmqctl.bin="$SUITES_DIR/java/rabbitmqctl" \
            -Dtest-broker.A.nodename=rabbit@localhost -Dtest-broker.A.node_port=5672 \
            -Dtest-broker.A.config_file=/dev/null -Dtest-broker.B.nodename=hare@localhost \
            -Dtest-broker.B.node_port=5673 -Dtest-broker.B.config_file=/dev/null \
            SuiteRun "${classes[@]}" | tee "$SUITE_WORK/$SUITE_BROKER.out" || status=${PIPESTATUS[0]}
        last=$(sed -n 's/^# class //p' "$SUITE_WORK/$SUITE_BROKER.out" | tail -n 1)
        while [[ ${#classes[@]} -gt 0 && ${classes[0]} != "$last" ]]; do
            classes=("${classes[@]:1}")
        done
        classes=("${classes[@]:1}")
    done
}

"$1"
