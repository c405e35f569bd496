"""What the doubles of HTTP services share: threads, requests recorded, faults made on demand."""

import http.server
import json
import threading
import time
import urllib.parse


class Request:
    def __init__(self, client, method, path, query, headers, body):
        self.client = client  # its address
        self.method = method
        self.path = path
        self.query = query  # as it came, without "?"
        self.headers = headers
        self.body = body

    @property
    def parameters(self):
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    def json(self):
        return json.loads(self.body or b"{}")

    def __str__(self):
        return f"{self.method} {self.path}" + (f"?{self.query}" if self.query else "")


class Double:
    """`answer(request)` of the subclass says (status, body[, headers]); it is called under no lock. `fault` is a status that everything gets, or a
    word: "garbage" (200, and no JSON), "closed" (no word at all), "silent" (nothing until the fault is over). `delay_s` comes before each answer."""

    def __init__(self, case, port=0, context=None, host="127.0.0.1"):
        self.requests = []
        self.fault = None
        self.delay_s = 0
        self.lock = threading.Condition()
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self):
                size = int(self.headers.get("Content-Length") or 0)
                # Behind a proxy the whole URL is asked for.
                if self.path.startswith("http://"):
                    self.path = "/" + self.path.split("/", 3)[3]
                path, _, query = self.path.partition("?")
                request = Request(
                    self.client_address[0], self.command, urllib.parse.unquote(path), query,
                    dict(self.headers.items()), self.rfile.read(size))
                with double.lock:
                    double.requests.append(request)
                fault = double.fault
                if fault in ("closed", "silent"):
                    while fault == "silent" and double.fault == fault:
                        time.sleep(0.02)
                    self.close_connection = True
                    return
                time.sleep(double.delay_s)
                if fault:
                    status, body, *more = (200, "<html>Welcome</html>") if fault == "garbage" \
                        else (fault, "fault")
                else:
                    status, body, *more = double.answer(request)
                if not isinstance(body, (str, bytes)):
                    body = json.dumps(body)
                if isinstance(body, str):
                    body = body.encode()
                try:
                    self.send_response(status)
                    for name, value in (more[0] if more else {}).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client had enough

            do_GET = do_PUT = do_POST = do_DELETE = serve

            def log_message(self, *arguments):
                pass

        self._handler = Handler
        self._servers = []
        case.addCleanup(self.close)
        self.port = self.listen_also(host, port, context)
        self.address = f"{host}:{self.port}"
        self.url = ("https://" if context else "http://") + self.address

    def listen_also(self, host, port, context=None):
        """Answers the port."""
        server = http.server.ThreadingHTTPServer((host, port), self._handler)
        server.daemon_threads = True
        server.block_on_close = False
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._servers.append((server, thread))
        return server.server_address[1]

    def close(self):
        self.fault = None
        while self._servers:
            server, thread = self._servers.pop()
            server.shutdown()
            server.server_close()
            thread.join()

    def lines(self):
        with self.lock:
            return [str(request) for request in self.requests]

    def forget(self):
        with self.lock:
            self.requests.clear()
