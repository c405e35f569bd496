"""The probe (discovery_probe.cc) as an object, and what the cases share: a watchdog, retry-until, free ports, certificates."""

import faulthandler
import json
import os
import queue
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration"))

PROBE = os.environ.get("DISCOVERY_PROBE", "build/release/bin/discovery_probe")
WATCHDOG_S = 500


class Refused(Exception):
    """The settings were refused: the line, and the exit code."""

    def __init__(self, line, code):
        super().__init__(line)
        self.line = line
        self.code = code


class Probe:
    """One node's mechanism. `settings` is without "cluster_formation."."""

    def __init__(self, backend, settings=(), number=1, environment=None, arguments=()):
        # A file, not a pipe: what was logged before an answer is there when the answer is.
        self._log = tempfile.NamedTemporaryFile(prefix="leveret-probe-")
        self._answers = queue.Queue()
        words = ["--id", f"id-{number}", "--name", f"rabbit@node{number}", "--host",
                 f"node{number}", "--port", str(25672 + number), *arguments]
        words += [f"cluster_formation.peer_discovery_backend={backend}"]
        words += ["cluster_formation." + setting for setting in settings]
        clean = {name: value for name, value in os.environ.items()
                 if "proxy" not in name.lower() and not name.startswith(("AWS_", "CONSUL_", "K8S_"))}
        self._process = subprocess.Popen(
            [PROBE, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            text=True, bufsize=1, env={**clean, **(environment or {})})
        self._thread = threading.Thread(target=self._read_answers, daemon=True)
        self._thread.start()

    def _read_answers(self):
        for line in self._process.stdout:
            self._answers.put(json.loads(line))
        self._answers.put(None)

    @property
    def log(self):
        return Path(self._log.name).read_text(errors="replace").splitlines()

    def send(self, command):
        try:
            self._process.stdin.write(command + "\n")
        except BrokenPipeError:
            pass  # answer() says why

    def answer(self):
        answer = self._answers.get(timeout=WATCHDOG_S)
        if answer is None:
            code = self._process.wait()
            raise Refused((self.log or [""])[-1], code)
        return answer

    def ask(self, command):
        """{"ok": ...} or {"failure": ..., "message": ...}."""
        self.send(command)
        return self.answer()

    def do(self, command):
        """What follows "ok"; anything else is a failed case."""
        answer = self.ask(command)
        if "ok" not in answer:
            raise AssertionError(f"{command}: {answer}\n" + "\n".join(self.log[-20:]))
        return answer["ok"]

    def names(self):
        return [one["name"] for one in self.do("list")["candidates"]]

    def has_logged(self, text):
        return any(text in line for line in self.log)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        if self._process.poll() is None:
            self.send("cancel")
            self.send("quit")
            try:
                self._process.wait(timeout=WATCHDOG_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self._thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            try:
                stream.close()
            except BrokenPipeError:
                pass


class Case(unittest.TestCase):
    """Probes and processes are ended with their case."""

    def setUp(self):
        faulthandler.dump_traceback_later(WATCHDOG_S, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        directory = tempfile.TemporaryDirectory(prefix="leveret-discovery-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def probe(self, *arguments, **named):
        probe = Probe(*arguments, **named)
        self.addCleanup(probe.close)
        return probe

    def process(self, words, **named):
        """A server of somebody else's; its output is in self.directory."""
        with open(self.directory / (Path(words[0]).name + ".log"), "ab") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, **named)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def refused(self, backend, *settings, **named):
        """The line with which these settings end the process with code 78."""
        with self.assertRaises(Refused) as caught:
            self.probe(backend, settings, **named).ask("list")
        self.assertEqual(caught.exception.code, 78, caught.exception.line)
        return caught.exception.line

    def assert_fails(self, answer, failure, *words):
        self.assertEqual(answer.get("failure"), failure, answer)
        for word in words:
            self.assertIn(word, answer["message"])
        self.assertNotIn("\n", answer["message"])


def until(condition, what):
    """Asks again and again; the watchdog is the only limit."""
    last = time.monotonic() + WATCHDOG_S / 2
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > last:
            raise AssertionError(f"never came true: {what}")
        time.sleep(0.02)


def free_port():
    """Free for TCP and UDP, and below those that the system gives to whoever asks for none: a server that takes it a moment later
    finds it free still."""
    while True:
        port = random.randrange(10_000, 32_000)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
