"""The brokers that cases run against: Leveret's binary, a RabbitMQ of our own, or one that is already there."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
import leveret_broker  # noqa: E402  (what starts and kills `leveret serve` for every test)


def _run(command, env=None):
    """(exit code, what it printed); what it says on stderr is its own way of saying it."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={**os.environ, **(env or {})}, preexec_fn=leveret_broker.die_with_parent)
    return done.returncode, done.stdout


# A cluster of one node answers as a broker that is alone, though it asks its metadata group first.
IN_A_CLUSTER = bool(os.environ.get("CONFORMANCE_IN_A_CLUSTER"))
CLUSTER_SETTINGS = ["cluster.listener=127.0.0.1:0", "cluster.secret=of-the-cases"]


class Leveret:
    """`leveret serve`, in memory or with a data directory; a node of a cluster has one always."""

    def __init__(self, settings=(), durable=False):
        self.directory = Path(tempfile.mkdtemp(prefix="leveret-conformance-"))
        self.data_dir = self.directory / "data"
        if IN_A_CLUSTER:
            settings = [*settings, *CLUSTER_SETTINGS]
            durable = True
        self._broker = leveret_broker.Broker(self.data_dir if durable else None, settings,
                                             log_path=self.directory / "log")

    def start(self):
        self._broker.start()
        return self

    @property
    def address(self):
        return "127.0.0.1", self._broker.port

    def ctl(self, *words):
        return _run([leveret_broker.LEVERET, "ctl", "--data-dir", str(self.data_dir), "-q", *words])

    def restart(self):
        self._broker.stop()
        self._broker.start()

    def stop(self):
        """A line for what went wrong, or nothing: a broker also has to leave in peace."""
        problem = None
        if not self._broker.is_running():
            problem = f"the broker ended by itself with {self._broker.process.returncode}"
        else:
            code = self._broker.stop()
            if code != 0:
                problem = f"the broker ended with {code}"
        if problem:
            problem += "\n" + self._broker.log_text()
        shutil.rmtree(self.directory, ignore_errors=True)
        return problem


class Foreign:
    """A broker that somebody else started; `ctl_command` administers it."""

    def __init__(self, url, ctl_command=None):
        parts = urllib.parse.urlsplit(url)
        self.address = parts.hostname, parts.port or 5672
        self._ctl = shlex.split(ctl_command or "rabbitmqctl")
        self._env = None

    def ctl(self, *words):
        return _run([*self._ctl, "-q", *words], self._env)

    def restart(self):
        self.ctl("stop_app")
        self.ctl("start_app")

    def stop(self):
        return None


class RabbitMq(Foreign):
    """Debian's rabbitmq-server with its own name, ports, epmd and directories, all on loopback."""

    BIN = Path("/usr/lib/rabbitmq/bin")
    PLUGINS = "[rabbitmq_consistent_hash_exchange]."

    def __init__(self, settings=(), advanced="[]."):
        """`settings` are lines of rabbitmq.conf, `advanced` is Erlang for what has no such line."""
        self.directory = Path(tempfile.mkdtemp(prefix="rabbitmq-conformance-"))
        ports = _free_ports(3)
        super().__init__(f"amqp://127.0.0.1:{ports[0]}", str(self.BIN / "rabbitmqctl"))
        (self.directory / "rabbitmq.conf").write_text(
            "\n".join(["disk_free_limit.absolute = 1MB", *settings, ""]))
        (self.directory / "advanced.config").write_text(advanced)
        (self.directory / "plugins").write_text(self.PLUGINS)
        self._env = {
            "HOME": str(self.directory), "RABBITMQ_NODENAME": f"conformance{os.getpid()}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_NODE_PORT": str(ports[0]),
            "RABBITMQ_DIST_PORT": str(ports[1]), "ERL_EPMD_PORT": str(ports[2]),
            "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.directory / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "plugins"),
            "RABBITMQ_PID_FILE": str(self.directory / "pid")}
        self._process = None

    def start(self):
        with open(self.directory / "out", "wb") as out:
            self._process = leveret_broker.spawn([str(self.BIN / "rabbitmq-server")], stdout=out,
                                                 stderr=out, cwd=self.directory,
                                                 env={**os.environ, **self._env})
        while _run([*self._ctl, "-q", "await_startup"], self._env)[0] != 0:
            if self._process.poll() is not None:
                said = (self.directory / "out").read_text()
                self.stop()
                raise RuntimeError(said)
            time.sleep(0.5)
        return self

    def stop(self):
        self.ctl("stop")
        self._process.wait()
        subprocess.run(["epmd", "-port", self._env["ERL_EPMD_PORT"], "-kill"], check=False,
                       stdout=subprocess.DEVNULL, env={**os.environ, **self._env})
        shutil.rmtree(self.directory, ignore_errors=True)
        return None


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [open_socket.getsockname()[1] for open_socket in sockets]
    for open_socket in sockets:
        open_socket.close()
    return ports
