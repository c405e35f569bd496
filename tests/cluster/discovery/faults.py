"""An HTTP server that is unwell in every way that a discovery service may be, and what each way must come to."""

import socket
import threading

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


class FaultyServer:
    def __init__(self, case, host="127.0.0.1"):
        self.fault = "500"
        self.requests = []
        self._stopping = threading.Event()
        self._listener = socket.create_server((host, 0))
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
                request = connection.recv(65536)
                self.requests.append(request)
                self._answer(connection, self.fault)
            except OSError:
                pass

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
