"""A TCP proxy on loopback that counts the methods a broker sends, connection by connection."""

import collections
import socket
import threading


class MethodCounter:
    """Takes a stream of AMQP frames in any pieces and counts (class, method) of method frames."""

    def __init__(self):
        self.counts = collections.Counter()
        self.bytes = 0
        self._buffer = bytearray()

    def feed(self, data):
        self.bytes += len(data)
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 8:
            end = at + 8 + int.from_bytes(buffer[at + 3:at + 7], "big")
            if len(buffer) < end:
                break
            if buffer[at] == 1:
                self.counts[(int.from_bytes(buffer[at + 7:at + 9], "big"),
                             int.from_bytes(buffer[at + 9:at + 11], "big"))] += 1
            at = end
        del buffer[:at]


class CountingProxy:
    BASIC_DELIVER = (60, 60)

    def __init__(self, host_port):
        host, port = host_port.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._counters = []
        self._sockets = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def kombu_url(self):
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def connections(self):
        with self._lock:
            return len(self._counters)

    @property
    def deliveries(self):
        with self._lock:
            return sum(counter.counts[self.BASIC_DELIVER] for counter in self._counters)

    def close(self):
        self._listener.close()
        with self._lock:
            for end in self._sockets:
                end.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            counter = MethodCounter()
            with self._lock:
                self._counters.append(counter)
                self._sockets |= {client, server}
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            both = threading.Barrier(2)
            threading.Thread(target=self._pump, args=(client, server, None, both),
                             daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, counter, both),
                             daemon=True).start()

    def _pump(self, source, sink, counter, both):
        try:
            while data := source.recv(65536):
                if counter:
                    counter.feed(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if both.wait() == 0:  # the second direction to end closes both
            source.close()
            sink.close()
            with self._lock:
                self._sockets -= {source, sink}
