"""What the measurements of strangers have in common: what a TLS client says first, and a bystander's round trips."""

import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/integration"))

from raw_amqp import RawConnection, publish_bytes  # noqa: E402


def client_hello():
    """Whole: the server signs for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def timed(step, seconds):
    """Milliseconds of each."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        step()
        times.append((time.perf_counter() - began) * 1000)
    return times


def round_trips(port, seconds):
    """Of a client that publishes with confirms and reads its messages back, one at a time: milliseconds of each."""
    connection = RawConnection(f"127.0.0.1:{port}")
    connection.declare_queue("bystander", durable=False)
    connection.confirm_select()
    connection.consume("bystander", no_ack=True)
    message = publish_bytes("", "bystander", b"x" * 24, persistent=False)

    def step():
        connection.send(message)
        # The confirm and the delivery's method, header and body.
        for _ in range(4):
            connection.read_frame()

    times = timed(step, seconds)
    connection.close()
    return times


def anonymous_kib(broker):
    memory = Path(f"/proc/{broker.process.pid}/status").read_text()
    return int(memory.split("RssAnon:")[1].split()[0])
