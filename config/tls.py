"""TLS from PEM files: whom to trust, and who we are."""

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError, TLSVersion, create_default_context
from typing import NamedTuple


class TlsFiles(NamedTuple):
    """The PEM files of one connection.

    Attributes:
        cafile: the authorities to trust; the system's when None.
        certfile: our own certificate, and those between it and its authority.
        keyfile: its private key, without a pass phrase; None when `certfile` holds it, too.
    """

    cafile: Path | None
    certfile: Path | None
    keyfile: Path | None


def client_context(files: TlsFiles) -> SSLContext:
    """Return what a client needs: it checks the server's certificate and its name.

    Raises:
        OSError: a file cannot be read (`ssl.SSLError` if it does not hold what it must).
    """
    context = create_default_context(cafile=files.cafile)
    context.minimum_version = TLSVersion.TLSv1_2
    if files.certfile is not None:
        _show_own(context, files)
    return context


def server_context(files: TlsFiles) -> SSLContext | None:
    """Return what a server needs, None when it has no certificate: then it serves without TLS.

    Raises:
        OSError: a file cannot be read (`ssl.SSLError` if it does not hold what it must).
    """
    if files.certfile is None:
        return None
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.minimum_version = TLSVersion.TLSv1_2
    _show_own(context, files)
    return context


def faults_of(files: TlsFiles, prefix: str) -> list[str]:
    """Say what is wrong with the files, whose settings begin with `prefix`, such as `SALESPULSE_KAFKA_SSL_`.

    The text never holds a part of a file: one of them is a private key.
    """
    faults = []
    if files.cafile is not None:
        try:
            client_context(TlsFiles(files.cafile, None, None))
        except (OSError, ValueError) as error:
            faults.append(f"`{prefix}CAFILE`: `{files.cafile}` holds no certificates in PEM form ({_why(error)})")
    if files.keyfile is not None and files.certfile is None:
        faults.append(f"`{prefix}CERTFILE` is missing; `{prefix}KEYFILE` needs it")
    if files.certfile is not None:
        key = "CERTFILE" if files.keyfile is None else "KEYFILE"
        try:
            server_context(files)
        except (OSError, ValueError) as error:
            faults.append(
                f"`{prefix}CERTFILE`: `{files.certfile}` is no certificate in PEM form with the private key of"
                f" `{prefix}{key}` ({_why(error)}); the key must have no pass phrase"
            )
    return faults


def _show_own(context: SSLContext, files: TlsFiles) -> None:
    """Load our certificate; a key with a pass phrase is an error, where OpenSSL would ask the terminal for it."""
    context.load_cert_chain(files.certfile or "", files.keyfile, password="")


def _why(error: Exception) -> str:
    if isinstance(error, SSLError):
        return (error.reason or "not readable").lower().replace("_", " ")
    return str(getattr(error, "strerror", None) or "not readable").lower()
