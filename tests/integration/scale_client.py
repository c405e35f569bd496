"""Scale's backend, manager and message handler as its own code uses kombu: a connection for every send, for every
batch of ten, for every look at the depth; SimpleQueue with its defaults; ack after success, nothing after failure.

    scale_client.py URL QUEUE [--work-ms N] [--until-empty]

runs one handler. It prints a line `number time` for each message that it processed: the clock is the system's
monotonic one, the same in every process. A body with "fail" set always fails.
"""

import argparse
import queue as empty_queue
import sys
import time
from contextlib import closing

from kombu import Connection

BATCH = 10


def send_messages(url, queue_name, messages):
    with Connection(url) as connection:
        with closing(connection.SimpleQueue(queue_name)) as queue:
            for message in messages:
                queue.put(message)


def receive_messages(url, queue_name, process):
    """One batch. Returns how many messages were received, processed or not."""
    received = 0
    with Connection(url) as connection:
        with closing(connection.SimpleQueue(queue_name)) as queue:
            for _ in range(BATCH):
                try:
                    message = queue.get(timeout=1)
                except empty_queue.Empty:
                    break
                received += 1
                if process(message.payload):
                    message.ack()
    return received


def queue_size(url, queue_name):
    with Connection(url) as connection:
        with closing(connection.SimpleQueue(queue_name)) as queue:
            return queue.qsize()


def messages(numbers, **extra):
    """Bodies like Scale's: a type, a body, some UTF-8, 70 bytes to some KiB."""
    return [{"type": "completed_jobs",
             "body": {"number": number, "note": "für Größe" * (number * 7 % 50), **extra}}
            for number in numbers]


def handle(url, queue_name, work_s, until_empty):
    def process(payload):
        if work_s:
            time.sleep(work_s)
        body = payload["body"]
        if body.get("fail"):
            return False
        print(body["number"], time.monotonic(), flush=True)
        return True

    while receive_messages(url, queue_name, process) or not until_empty:
        pass


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("queue")
    parser.add_argument("--work-ms", type=float, default=0)
    parser.add_argument("--until-empty", action="store_true")
    options = parser.parse_args()
    sys.exit(handle(options.url, options.queue, options.work_ms / 1000, options.until_empty))
