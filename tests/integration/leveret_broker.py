"""A broker for a test: started for it, killed with it.

Environment: LEVERET is the binary (build/release/bin/leveret where unset), LEVERET_SET holds settings for every
broker (`KEY=VALUE KEY=VALUE`). With LEVERET_URL the cases run against a broker that is already there, and those that
start, kill or restart theirs are skipped: that is how the tests themselves were checked against RabbitMQ 3.10.
"""

import ctypes
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEVERET = os.environ.get("LEVERET", str(ROOT / "build/release/bin/leveret"))
FOREIGN_URL = os.environ.get("LEVERET_URL")

# What hangs is ended with every thread's stack; no test measures time against this.
WATCHDOG_S = 540
faulthandler.dump_traceback_later(WATCHDOG_S, exit=True)

_libc = ctypes.CDLL("libc.so.6", use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent():
    """For preexec_fn: no child outlives a test that is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(arguments, **options):
    return subprocess.Popen(arguments, preexec_fn=die_with_parent, **options)


def python(script, *arguments, **options):
    """A client in a process of its own, with this interpreter."""
    return spawn([sys.executable, "-B", str(Path(__file__).parent / script), *map(str, arguments)],
                 **options)


class Broker:
    """One `leveret serve`. In memory, or with `data_dir`; always on a free port of loopback."""

    def __init__(self, data_dir=None, settings=(), env=None, log_path=None):
        self.data_dir = data_dir
        self.settings = [*os.environ.get("LEVERET_SET", "").split(), *settings]
        self.env = env
        self.log = open(log_path, "a+b") if log_path else tempfile.TemporaryFile()
        self.process = None
        self.port = None
        self.tls_port = None
        self.http_port = None

    def start(self):
        """Until clients can connect."""
        self.launch()
        return self.await_ready()

    def launch(self):
        command = [LEVERET, "serve"]
        if self.data_dir is None:
            command.append("--ephemeral")
        else:
            command += ["--data-dir", str(self.data_dir),
                        "--set", "listeners.tcp.default=127.0.0.1:0"]
        for setting in self.settings:
            command += ["--set", setting]
        self.process = spawn(command, stdout=subprocess.PIPE, stderr=self.log, text=True,
                             env={**os.environ, **(self.env or {})})
        self.port = None
        self.ports = {}  # by what they speak
        self.printed = ""
        # Set when it is up, or gone.
        self.decided = threading.Event()
        threading.Thread(target=self._read, args=(self.process, self.decided), daemon=True).start()

    def await_ready(self):
        self.decided.wait()
        if self.port is None:
            self.process.wait()
            raise RuntimeError(f"the broker did not start: exit {self.process.returncode}\n"
                               + self.log_text())
        return self

    def _read(self, process, decided):
        """To the end: what it prints must not fill the pipe."""
        for line in process.stdout:
            self.printed += line
            if line.startswith("listening "):
                url = urllib.parse.urlsplit(line.split()[1])
                self.ports[url.scheme] = url.port
            if line.startswith("Server startup complete"):
                self.port = self.ports.get("amqp")
                self.tls_port = self.ports.get("amqps")
                self.http_port = self.ports.get("http")
                decided.set()
        decided.set()

    @property
    def host_port(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"amqp://guest:guest@{self.host_port}/%2F"

    @property
    def kombu_url(self):
        return f"amqp://guest:guest@{self.host_port}//"

    def stop(self):
        """SIGTERM, as an operator does; returns the exit code."""
        self.process.terminate()
        return self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def await_log(self, text):
        """Waits until the log holds it: what a client sees may overtake the line about it."""
        give_up = time.monotonic() + 60
        while text not in self.log_text():
            if time.monotonic() > give_up:
                raise AssertionError(f"the log does not hold {text!r}:\n{self.log_text()}")
            time.sleep(0.01)


class ForeignBroker:
    """The broker at LEVERET_URL."""

    def __init__(self):
        parts = urllib.parse.urlsplit(FOREIGN_URL)
        self.port = parts.port or 5672
        self.host_port = f"{parts.hostname}:{self.port}"
        self.url = f"amqp://guest:guest@{self.host_port}/%2F"
        self.kombu_url = f"amqp://guest:guest@{self.host_port}//"


needs_own_broker = unittest.skipIf(FOREIGN_URL, "starts or kills its broker itself")


class BrokerCase(unittest.TestCase):
    """A case with a broker in memory, or (`durable = True`) with a data directory."""

    durable = False
    settings = ()
    broker_env = None

    def setUp(self):
        self.name = "leveret-test-" + uuid.uuid4().hex[:12]
        self.directory = Path(tempfile.mkdtemp(prefix="leveret-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        if FOREIGN_URL:
            self.broker = ForeignBroker()
            return
        self.broker = self.new_broker()
        self.broker.start()

    def new_broker(self):
        broker = Broker(self.directory / "data" if self.durable else None, self.settings,
                        self.broker_env, self.directory / "log")
        self.addCleanup(self.end_broker, broker)
        return broker

    def end_broker(self, broker):
        """Every case also checks that its broker drains and leaves in peace, and logged no alarm."""
        if broker.is_running():
            code = broker.stop()
            if code != 0:
                self.fail(f"the broker ended with {code}\n{broker.log_text()}")
        elif broker.process is not None and broker.process.returncode not in (0, -signal.SIGKILL):
            self.fail(f"the broker ended by itself with {broker.process.returncode}\n"
                      f"{broker.log_text()}")

    @property
    def url(self):
        return self.broker.url

    @property
    def kombu_url(self):
        return self.broker.kombu_url


def main():
    unittest.main(verbosity=2)
