"""A TCP relay on loopback before a node's peer port, whose connections are cut, or go silent with both ends open."""

import socket
import threading


class PeerRelay:
    def __init__(self, port):
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """All connections; new ones can be made."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.cut()

    def silence(self):
        """Nothing comes through the connections of now any more, and nobody is told."""
        with self._lock:
            for connection in self._connections:
                connection.flows.clear()

    def close(self):
        """For good."""
        self._listener.shutdown(socket.SHUT_RDWR)  # Whoever waits in accept() has it open.
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._connections.append(_Connection(client, server))


class _Connection:
    def __init__(self, client, server):
        self._ends = (client, server)
        self.flows = threading.Event()
        self.flows.set()
        for source, sink in ((client, server), (server, client)):
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def cut(self):
        for end in self._ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It is gone already.
        self.flows.set()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.flows.wait()
                sink.sendall(data)
        except OSError:
            pass
        self.cut()
        source.close()
