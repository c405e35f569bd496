"""What the doubles of HTTP services share: threads, requests recorded, faults made on demand."""

import http.server
import json
import threading
import urllib.parse


class Request:
    def __init__(self, method, path, query, headers, body):
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
    """`answer(request)` of the subclass says (status, body[, headers]); it is called under no lock. `fault` is a status that everything gets."""

    def __init__(self, case, port=0, context=None):
        self.requests = []
        self.fault = None
        self.lock = threading.Condition()
        double = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self):
                size = int(self.headers.get("Content-Length") or 0)
                path, _, query = self.path.partition("?")
                request = Request(self.command, urllib.parse.unquote(path), query,
                                  dict(self.headers.items()), self.rfile.read(size))
                with double.lock:
                    double.requests.append(request)
                status, body, *more = (double.fault, "fault") if double.fault \
                    else double.answer(request)
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

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = ("https://" if context else "http://") + self.address
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()
        case.addCleanup(self.close)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def lines(self):
        with self.lock:
            return [str(request) for request in self.requests]

    def forget(self):
        with self.lock:
            self.requests.clear()
