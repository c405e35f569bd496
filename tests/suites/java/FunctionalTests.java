package com.rabbitmq.client.test.functional;

import com.rabbitmq.client.test.AbstractRMQTestSuite;

/** Stands for the list of the same name, which names a test that cannot be compiled here. */
public final class FunctionalTests {
    static {
        new AbstractRMQTestSuite() {};
    }
}
