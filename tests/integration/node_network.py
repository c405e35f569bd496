"""A network for nodes: a namespace each on a bridge, where cables are pulled and peers walled off; its own names and metadata service.

It is made for the calling thread and what it starts, and goes with them. Needs root and iproute2; without them there are loopback addresses, which
nobody can cut, and no names.
"""

import atexit
import ctypes
import os
import random
import shutil
import subprocess
import tempfile

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
METADATA = "169.254.169.254"


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Loopback:
    """What is there without namespaces."""

    has_namespaces = False

    def __init__(self):
        self._subnet = f"127.{random.randrange(64, 255)}.{random.randrange(1, 255)}"
        self.server = f"{self._subnet}.1"

    def host(self, number):
        return f"{self._subnet}.{10 + number}"

    def prefix(self, _):
        return []

    def repair(self):
        pass


class Namespaces:
    """Nodes 0 to SIZE - 1 at 10.77.0.10 and on; `server` is where the test's own servers listen, the metadata service's address is there too."""

    has_namespaces = True
    server = "10.77.0.1"

    def __init__(self, size):
        self.size = size
        self._walls = set()
        libc = ctypes.CDLL("libc.so.6", use_errno=True)
        if libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        # First of all: where the rest cannot be had, loopback is what nodes get.
        run("ip", "link", "set", "lo", "up")
        run("mount", "--make-rprivate", "/")
        os.makedirs("/run/netns", exist_ok=True)
        run("mount", "-t", "tmpfs", "none", "/run/netns")
        self._name_hosts()
        run("ip", "link", "add", "br0", "type", "bridge")
        for address in (f"{self.server}/24", f"{METADATA}/32"):
            run("ip", "address", "add", address, "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        for number in range(size):
            self._add(number)

    def _name_hosts(self):
        """mq-0.mq, mq-1.mq and so on, for everybody in here."""
        with tempfile.NamedTemporaryFile("w", prefix="leveret-hosts-", delete=False) as file:
            file.write("127.0.0.1 localhost\n" + "".join(
                f"{self.host(number)} mq-{number}.mq\n" for number in range(self.size)))
        os.chmod(file.name, 0o644)
        run("mount", "--bind", file.name, "/etc/hosts")

        def undo():
            subprocess.run(["umount", "--lazy", "/etc/hosts"], check=False)
            os.unlink(file.name)

        atexit.register(undo)

    def _add(self, number):
        space, cable = f"n{number}", f"cable{number}"
        run("ip", "netns", "add", space)
        run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "link", "set", cable, "master", "br0", "up")
        run("ip", "-n", space, "address", "add", f"{self.host(number)}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "route", "add", f"{METADATA}/32", "via", self.server)

    def host(self, number):
        return f"10.77.0.{10 + number}"

    def prefix(self, number):
        """What comes before the command of something that runs at that node's place."""
        return ["nsenter", f"--net=/run/netns/n{number}"]

    def pull_cable(self, number):
        run("ip", "link", "set", f"cable{number}", "down")

    def plug_cable(self, number):
        run("ip", "link", "set", f"cable{number}", "up")

    def wall_off(self, number):
        """From all other nodes, in both directions; servers are still reached."""
        for other in range(self.size):
            if other != number:
                self.cut(number, other)

    def let_in(self, number):
        for wall in [one for one in self._walls if one[0] == number]:
            self.mend(*wall)

    def cut(self, number, other):
        """Two of them from each other."""
        self._route("add", number, other)
        self._walls.add((number, other))

    def mend(self, number, other):
        self._walls.remove((number, other))
        self._route("delete", number, other)

    def reset(self, number, other):
        """Ends every connection between the two; nothing keeps them from the next one. Where the kernel cannot do that, nothing happens."""
        subprocess.run([*self.prefix(number), "ss", "-K", "dst", self.host(other)],
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _route(self, verb, number, other):
        run("ip", "-n", f"n{number}", "route", verb, "unreachable", f"{self.host(other)}/32")

    def repair(self):
        for wall in list(self._walls):
            self.mend(*wall)
        for number in range(self.size):
            self.plug_cable(number)


def make(size):
    """Namespaces where they can be had."""
    if os.geteuid() == 0 and shutil.which("ip") and shutil.which("nsenter"):
        try:
            return Namespaces(size)
        except (OSError, subprocess.CalledProcessError):
            pass
    return Loopback()
