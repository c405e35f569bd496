"""What a case is, and what its script has in hand.

    @case("1.2/message-ttl", "1.4/x-death")
    def ttl_zero(t):
        \"\"\"A TTL of 0 expires a message unless it can be delivered at once.\"\"\"
        channel = t.connect().channel()
        channel.declare(t.q("q"), {"x-message-ttl": 0})
        ...

The script says what clients do; nothing is asserted: the transcript is what counts. Names come from t.q() and t.x(),
which make them unique to the case and have them deleted behind it.
"""

import importlib
import json
import sys
import time
from pathlib import Path

import client
import rows as known_rows
from transcript import Transcript

HERE = Path(__file__).resolve().parent
CASES = {}


class CaseInfo:
    def __init__(self, script, rows, differs, alone):
        self.name = script.__name__
        self.topic = script.__module__.removesuffix("_cases")
        self.script = script
        self.rows = rows
        self.differs = differs
        self.alone = alone

    @property
    def title(self):
        return " ".join((self.script.__doc__ or self.name).split())


def case(*rows, differs=None, alone=False):
    """Registers a script. `rows` are those of the sheet (rows.py) that it covers; `differs` is why Leveret's
    transcript is another on purpose; an `alone` case has the broker to itself."""
    def register(script):
        unknown = [row for row in rows if row not in known_rows.ROWS]
        assert not unknown, f"{script.__name__}: no such row {unknown}"
        assert script.__name__ not in CASES, f"two cases are called {script.__name__}"
        CASES[script.__name__] = CaseInfo(script, rows, differs, alone)
        return script
    return register


def load_all():
    sys.path.insert(0, str(HERE))
    for path in sorted(HERE.glob("*_cases.py")):
        importlib.import_module(path.stem)
    return CASES


def _canonical(output):
    """Lines; JSON as a line an element, keys and elements sorted, what only tells the node left out."""
    try:
        value = json.loads(output)
    except ValueError:
        return [line.rstrip() for line in output.split("\n") if line.strip()]
    items = value if isinstance(value, list) else [value]
    return sorted(json.dumps({key: inner for key, inner in item.items() if key != "node"}
                             if isinstance(item, dict) else item, sort_keys=True) for item in items)


class Case:
    """One run of one script against one broker."""

    def __init__(self, info, broker):
        self.info = info
        self.broker = broker
        self.log = Transcript()
        self.connections = []
        self._queues, self._exchanges, self._deferred = [], [], []

    def q(self, name):
        return self._own(name, self._queues)

    def x(self, name):
        return self._own(name, self._exchanges)

    def name(self, name):
        """For what is neither a queue nor an exchange."""
        return self._own(name, [])

    def _own(self, name, names):
        full = f"{self.info.name}.{name}"
        if full not in names:
            names.append(full)
        return full

    def note(self, text):
        self.log.add(f"# {text}")

    def at_least_ms(self, time_ms, said=True):
        """For what no event tells: so much time passes, or more."""
        if said:
            self.note(f"{time_ms} ms later")
        time.sleep(time_ms / 1000)

    def socket(self, watchdog_s=client.WATCHDOG_S):
        """A connected socket, nothing said on it yet."""
        name = chr(ord("a") + len(self.connections))
        self.connections.append(
            client.Connection(self.log, name, self.broker.address, watchdog_s))
        return self.connections[-1]

    def connect(self, watchdog_s=client.WATCHDOG_S, **login):
        connection = self.socket(watchdog_s)
        said = "".join(f" {key}={value!r}" for key, value in login.items())
        self.log.add(f"{connection.name} connects{said}")
        return connection.log_in(**login)

    def ctl(self, *words):
        """rabbitmqctl, or leveret ctl with the same words; what it prints and its exit code are written down."""
        self.log.add("ctl " + " ".join(word if word and " " not in word else repr(word)
                                       for word in words))
        code, output = self.broker.ctl(*words)
        for line in _canonical(output) if code == 0 else ():
            self.log.add(f"  | {line}")
        if code != 0:
            self.log.add(f"  exit {code}")

    def vhost(self, name="v"):
        """A virtual host of the case's own, in which guest may do all."""
        full = self.name(name)
        self.note(f"vhost {full}")
        self.broker.ctl("add_vhost", full)
        self.broker.ctl("set_permissions", "-p", full, "guest", ".*", ".*", ".*")
        self.defer("delete_vhost", full)
        return full

    def user(self, name, vhost=None, permissions=None):
        """A user of the case's own, whose password is pw."""
        full = self.name(name)
        self.note(f"user {full}" + (f" with {permissions} in {vhost}" if permissions else ""))
        self.broker.ctl("add_user", full, "pw")
        if permissions:
            self.broker.ctl("set_permissions", "-p", vhost, full, *permissions)
        self.defer("delete_user", full)
        return full

    def defer(self, *words):
        """A ctl command for the end of the case, whatever happens; nothing of it is written down."""
        self._deferred.append(words)

    def run(self):
        """The lines of the transcript."""
        self._clean()
        try:
            try:
                self.info.script(self)
            except client.CaseOver:
                pass
            for connection in self.connections:
                try:
                    connection.end()
                except client.CaseOver:
                    pass
        finally:
            for connection in self.connections:
                connection.socket.close()
            self._clean()
            for words in reversed(self._deferred):
                self.broker.ctl(*words)
        return self.log.lines

    def _clean(self):
        if not self._queues and not self._exchanges:
            return
        cleaner = client.Connection(Transcript(), "z", self.broker.address)
        cleaner.log_in()
        for queue in self._queues:
            cleaner.channel().call("queue.delete", queue=queue)
        for exchange in self._exchanges:
            cleaner.channel().call("exchange.delete", exchange=exchange)
        cleaner.end()
