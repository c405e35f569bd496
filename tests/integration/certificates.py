"""Certificates for a test, made with openssl: an authority and what it signs."""

import subprocess


class Authority:
    """Writes into a directory: ca.pem, and NAME.pem with NAME.key for each certificate."""

    def __init__(self, directory, name="authority"):
        self.directory = directory
        self.name = name
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-days", "2", "-subj", f"/CN={name}",
                      "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))

    def path(self, name):
        return str(self.directory / name)

    @property
    def file(self):
        return self.path("ca.pem")

    def issue(self, name, subject=None, names="DNS:localhost,IP:127.0.0.1", password=None,
              days=1, rsa=False):
        """Files are written beside and moved into place, as certificate managers do."""
        new = ["-newkey", "rsa:2048"] if rsa else \
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self._openssl("req", "-new", *new,
                      *(["-passout", "pass:" + password] if password else ["-nodes"]),
                      "-subj", subject or f"/O=test/CN={name}",
                      "-keyout", self.path(name + ".key.new"), "-out", self.path(name + ".csr"))
        (self.directory / "extensions").write_text(f"subjectAltName={names}\n")
        self._openssl("x509", "-req", "-in", self.path(name + ".csr"), "-days", str(days),
                      "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                      "-CAcreateserial", "-extfile", self.path("extensions"),
                      "-out", self.path(name + ".pem.new"))
        for end in (".key", ".pem"):
            (self.directory / (name + end + ".new")).rename(self.directory / (name + end))
        return self.path(name + ".pem"), self.path(name + ".key")

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def settings(certificate, key, *more):
    """A TLS listener on a free port of loopback."""
    return ["listeners.ssl.1=127.0.0.1:0", f"ssl_options.certfile={certificate}",
            f"ssl_options.keyfile={key}", *more]
