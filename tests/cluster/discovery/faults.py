"""Servers that are unwell in every way that a discovery service may be, and what each way must come to: one that speaks HTTP, one of names. Either may
stand before a service that is well, which answers while there is no fault."""

import itertools
import os
import select
import socket
import threading
import time

# How it is unwell -> the failure that a mechanism must report.
OUTCOMES = {
    "401": "permanent",
    "403": "permanent",
    "404": "permanent",
    "500": "transient",
    "503": "transient",
    "429": "transient",
    "302": "permanent",  # redirects are not followed
    "garbage": "transient",  # 200, and no JSON
    "empty": "transient",  # 200, and nothing
    "torn": "transient",  # closes in the middle of the body
    "closed": "transient",  # closes without a word
    "noise": "transient",  # not HTTP at all
    "silent": "transient",  # accepts, and says nothing
    "endless": "transient",  # a body longer than anybody wants
}


# The same of a server of names.
NAME_OUTCOMES = {
    "SERVFAIL": "transient",
    "REFUSED": "transient",
    "garbage": "transient",
    "silent": "transient",
}
SLOW_S = 0.3


class FaultyServer:
    """`fault` may be changed at any time: one of OUTCOMES; or with `upstream`, the HOST, PORT of a service that is well, None: as that one; "slow"; or
    "flapping": every other connection is refused with 500."""

    def __init__(self, case, host="127.0.0.1", port=0, upstream=None):
        self.fault = "500"
        self.requests = []
        self._upstream = upstream
        self._connections = itertools.count()
        self._stopping = threading.Event()
        self._listener = socket.create_server((host, port))
        self.address = "%s:%d" % (host, self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        case.addCleanup(self.close)

    def close(self):
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection:
            try:
                fault = self.fault
                if fault in (None, "slow") or (fault == "flapping" and
                                               next(self._connections) % 2):
                    return self._relay(connection, fault)
                request = connection.recv(65536)
                self.requests.append(request)
                self._answer(connection, "500" if fault == "flapping" else fault)
            except OSError:
                pass

    def _relay(self, client, fault):
        """Until either side ends it, or the fault is another one."""
        with socket.create_connection(self._upstream) as service:
            while self.fault == fault and not self._stopping.is_set():
                for one in select.select([client, service], [], [], 0.05)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    if fault == "slow":
                        time.sleep(SLOW_S)
                    (service if one is client else client).sendall(data)

    def _answer(self, connection, fault):
        def send(status, body, length=None, more=""):
            connection.sendall(
                f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body) if length is None else length}"
                f"\r\nConnection: close\r\n{more}\r\n{body}".encode())

        if fault == "garbage":
            send(200, "<html>Welcome to the portal</html>")
        elif fault == "empty":
            send(200, "")
        elif fault == "torn":
            send(200, '{"a":', 5000)
        elif fault == "closed":
            pass
        elif fault == "noise":
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 10)
        elif fault == "silent":
            while connection.recv(65536):
                pass  # until the client gives up
        elif fault == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while not self._stopping.is_set():
                connection.sendall(b"[" * 65536)
        elif fault == "302":
            send(302, "", more="Location: http://127.0.0.1:1/\r\n")
        else:
            send(fault, '{"message":"no"}')


class FaultyNames:
    """The same for names: one of NAME_OUTCOMES, None, "slow", "flapping"."""

    def __init__(self, case, host="127.0.0.1", port=0, upstream=None):
        self.fault = "SERVFAIL"
        self._upstream = upstream
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.address = "%s:%d" % self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        case.addCleanup(self.close)

    def close(self):
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        for number in itertools.count():
            question, client = self._socket.recvfrom(4096)
            if not question:
                return
            fault = self.fault
            if fault == "flapping":
                fault = None if number % 2 else "SERVFAIL"
            if fault in (None, "slow"):
                threading.Thread(target=self._relay, args=(question, client, fault),
                                 daemon=True).start()
            elif fault == "garbage":
                self._socket.sendto(question[:2] + b"\x81\x80" + os.urandom(40), client)
            elif fault != "silent":
                code = {"SERVFAIL": 2, "REFUSED": 5}[fault]
                self._socket.sendto(
                    question[:2] + bytes([0x81, 0x80 | code]) + question[4:], client)

    def _relay(self, question, client, fault):
        if fault == "slow":
            time.sleep(SLOW_S)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
            service.settimeout(60)
            try:
                service.sendto(question, self._upstream)
                self._socket.sendto(service.recv(4096), client)
            except OSError:
                pass  # the client asks again
