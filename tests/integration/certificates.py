"""Certificates for a test, made with openssl: an authority and what it signs."""

import subprocess


class Authority:
    """Writes into a directory: ca.pem, and NAME.pem with NAME.key for each certificate. One that another has made
    (`intermediate`) has its own certificate in all that it issues, as servers and clients show them."""

    def __init__(self, directory, name="authority", above=None):
        self.directory = directory
        self.name = name
        self.chain = "" if above is None else None
        if above is None:
            self._own = "ca"
            self._openssl("req", "-x509", *_NEW_KEY, "-nodes", "-days", "2", "-subj", f"/CN={name}",
                          "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"))
        else:
            self._own = name
            above.issue(name, f"/CN={name}", more="basicConstraints=critical,CA:true\n"
                                                  "keyUsage=keyCertSign,cRLSign\n")
            self.chain = (directory / f"{name}.pem").read_text()

    def path(self, name):
        return str(self.directory / name)

    @property
    def file(self):
        return self.path("ca.pem")

    def intermediate(self, name):
        return Authority(self.directory, name, self)

    def issue(self, name, subject=None, names="DNS:localhost,IP:127.0.0.1", password=None,
              days=1, rsa=False, purpose=None, between=None, more=""):
        """Files are written beside and moved into place, as certificate managers do. `between` are its first and last moment."""
        new = ["-newkey", "rsa:2048"] if rsa else _NEW_KEY
        self._openssl("req", "-new", *new,
                      *(["-passout", "pass:" + password] if password else ["-nodes"]),
                      "-subj", subject or f"/O=test/CN={name}",
                      "-keyout", self.path(name + ".key.new"), "-out", self.path(name + ".csr"))
        extensions = f"subjectAltName={names}\n{more}"
        if purpose:
            extensions += f"extendedKeyUsage={purpose}\n"
        (self.directory / "extensions").write_text(extensions)
        signing = ["-in", self.path(name + ".csr"), "-out", self.path(name + ".pem.new"),
                   "-extfile", self.path("extensions")]
        if between:
            self._sign_between(signing, between)
        else:
            self._openssl("x509", "-req", "-days", str(days), "-CA", self.path(self._own + ".pem"),
                          "-CAkey", self.path(self._own + ".key"), "-CAcreateserial", *signing)
        with open(self.directory / (name + ".pem.new"), "a") as file:
            file.write(self.chain)
        for end in (".key", ".pem"):
            (self.directory / (name + end + ".new")).rename(self.directory / (name + end))
        return self.path(name + ".pem"), self.path(name + ".key")

    def _sign_between(self, signing, between):
        """`openssl x509` of version 3.0 knows days only."""
        first, last = (moment.strftime("%Y%m%d%H%M%SZ") for moment in between)
        self._ca("-batch", "-notext", "-outdir", str(self.directory),
                 "-startdate", first, "-enddate", last, *signing)

    def revoke(self, *names):
        """The list that says so, as PEM."""
        for name in names:
            self._ca("-revoke", self.path(name + ".pem"))
        self._ca("-gencrl", "-crldays", "1", "-out", self.path(self._own + ".crl"))
        return (self.directory / (self._own + ".crl")).read_text()

    def _ca(self, *arguments):
        """With what it has signed so and revoked kept in a file."""
        issued = self.directory / (self._own + ".issued")
        issued.touch()
        (self.directory / "ca.conf").write_text(
            f"[ca]\ndefault_ca=own\n[own]\ndatabase={issued}\nrand_serial=yes\n"
            "default_md=sha256\npolicy=any\nunique_subject=no\n"
            "[any]\norganizationName=optional\ncommonName=optional\n")
        self._openssl("ca", "-config", self.path("ca.conf"), "-cert", self.path(self._own + ".pem"),
                      "-keyfile", self.path(self._own + ".key"), *arguments)

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


_NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def settings(certificate, key, *more):
    """A TLS listener on a free port of loopback."""
    return ["listeners.ssl.1=127.0.0.1:0", f"ssl_options.certfile={certificate}",
            f"ssl_options.keyfile={key}", *more]
