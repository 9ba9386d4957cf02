"""An authority for tests, and certificates that it signs, made with openssl."""

import subprocess
from pathlib import Path

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        """Make its key and certificate."""
        self._folder = folder
        self.cafile = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl("req", "-x509", *_EC, "-keyout", self._key, "-out", self.cafile, "-days", "2", "-subj", f"/CN={name}")

    def certify(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """Return the files of a certificate for `hosts`, such as `DNS:localhost`, and of its private key."""
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        extension.write_text(f"subjectAltName={','.join(hosts)}\n")
        _openssl("req", "-new", *_EC, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signed = ("-CA", self.cafile, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", extension)
        _openssl("x509", "-req", "-in", request, "-out", certificate, *signed)
        return certificate, key


def key_store(certificate: Path, key: Path, password: str) -> Path:
    """Return a PKCS #12 file with a certificate and its key, as Java reads it."""
    store = certificate.with_suffix(".p12")
    files = ("-in", certificate, "-inkey", key, "-out", store)
    _openssl("pkcs12", "-export", *files, "-passout", f"pass:{password}", "-name", "server")
    return store


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
