"""The brokers that bench/compare loads: those that somebody else runs, and those that it starts itself."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/integration"))
import certificates  # noqa: E402

START_TIMEOUT_S = 60
IDLE_AFTER_S = 2
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port):
    """True when an AMQP server sends connection.start."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"AMQP\x00\x00\x09\x01")
            client.settimeout(5)
            return client.recv(7)[:1] == b"\x01"
    except OSError:
        return False


def anonymous_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


class Peer:
    """A broker that somebody else runs."""

    def __init__(self, name, url, pid):
        self.name, self.url, self.pid = name, url, pid
        self.first_answer_s = self.idle_kb = None

    def start(self):
        pass

    def stop(self):
        pass

    def restart(self):
        print(f"  {self.name} should be restarted: it runs on its own", file=sys.stderr)


class OwnBroker(Peer):
    """A broker that we start and stop, on a folder that is empty each time; with `tls` it is loaded through a TLS listener."""

    def __init__(self, name, tls):
        super().__init__(name, None, None)
        self.tls = tls
        self.process = self.folder = None

    def start(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"leveret-compare-{self.name}-"))
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}"
        self.tls_settings = {}
        if self.tls:
            self.listen_with_tls()
        command, environment = self.command()
        with open(self.folder / "output.log", "wb") as log:
            begin = time.monotonic()
            self.process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        self.await_first_answer(begin)
        self.pid = self.server_pid()
        time.sleep(IDLE_AFTER_S)
        self.idle_kb = anonymous_kb(self.pid)

    def listen_with_tls(self):
        authority = certificates.Authority(self.folder)
        certificate, key = authority.issue("server")
        port = free_port()
        self.url = f"amqps://guest:guest@127.0.0.1:{port}?cacertfile={authority.file}"
        self.tls_settings = {
            "listeners.ssl.1": f"127.0.0.1:{port}", "ssl_options.cacertfile": authority.file,
            "ssl_options.certfile": certificate, "ssl_options.keyfile": key}

    def await_first_answer(self, begin):
        while not answers(self.port):
            late = time.monotonic() - begin > START_TIMEOUT_S
            if late or self.process.poll() is not None:
                output = (self.folder / "output.log").read_text(errors="replace")
                self.stop()
                sys.exit(f"{self.name} did not start:\n{output[-2000:]}")
            time.sleep(0.001)
        self.first_answer_s = time.monotonic() - begin

    def server_pid(self):
        return self.process.pid

    def stop(self):
        if self.process:
            for stop_signal in (signal.SIGTERM, signal.SIGKILL):
                self.signal_all(stop_signal)
                try:
                    self.process.wait(timeout=20)
                    break
                except subprocess.TimeoutExpired:
                    pass
            self.signal_all(signal.SIGKILL)
            self.process = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def signal_all(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def restart(self):
        self.stop()
        self.start()


class Leveret(OwnBroker):
    def __init__(self, binary, settings, tls=False):
        super().__init__("leveret", tls)
        self.binary, self.settings = binary, settings

    def command(self):
        settings = [f"listeners.tcp.default=127.0.0.1:{self.port}", *self.settings]
        command = [self.binary, "serve", "--data-dir", str(self.folder / "data")]
        settings += [f"{key}={value}" for key, value in self.tls_settings.items()]
        for setting in settings:
            command += ["--set", setting]
        return command, {}


class RabbitMq(OwnBroker):
    def __init__(self, tls=False):
        super().__init__("rabbitmq", tls)

    def command(self):
        settings = {"listeners.tcp.1": f"127.0.0.1:{self.port}", **self.tls_settings}
        (self.folder / "rabbitmq.conf").write_text(
            "".join(f"{key} = {value}\n" for key, value in settings.items()))
        (self.folder / "plugins").write_text("[].\n")
        return [RABBITMQ], {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"compare{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(free_port()),
        }

    def server_pid(self):
        return int((self.folder / "pid").read_text())

    def stop(self):
        # Its epmd leaves the process group; it is ours alone, on a port of our own.
        epmds = epmds_of(self.folder)
        super().stop()
        for pid in epmds:
            os.kill(pid, signal.SIGKILL)


def epmds_of(folder):
    """The port mappers that were started with this folder as their home."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            ours = f"HOME={folder}".encode() in (entry / "environ").read_bytes().split(b"\0")
            if ours and (entry / "comm").read_text().strip() == "epmd":
                found.append(int(entry.name))
        except OSError:
            continue
    return found
