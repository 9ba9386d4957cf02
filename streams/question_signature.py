"""How a view shows a worker that it knows the token, without sending it.

The address of a worker stands in a record on the cells topic. Whoever could write a false one there would be sent the
token; so a view sends a signature instead, of one question and for some minutes.
"""

import hmac
import time
from collections.abc import Iterable
from hashlib import sha256
from urllib.parse import urlencode

from pydantic import SecretStr

SCHEME = "Salespulse-Signature"
VALID_SECONDS = 300
"""Clocks of two machines may differ by so much."""
_MOST_DIGITS = 15


def sign(token: SecretStr, question: Iterable[tuple[str, str]], now: float | None = None) -> str:
    """Return the `Authorization` header for a question, the parameters in their order, as of now."""
    at = int(time.time() if now is None else now)
    return f"{SCHEME} {at}.{_signature(token, question, at)}"


def is_signed(header: str, token: SecretStr, question: Iterable[tuple[str, str]], now: float | None = None) -> bool:
    """Return whether an `Authorization` header holds a signature of this question that was made lately."""
    scheme, _, given = header.partition(" ")
    told, _, signature = given.partition(".")
    if scheme.lower() != SCHEME.lower() or not (told.isascii() and told.isdecimal() and len(told) <= _MOST_DIGITS):
        return False
    at, lately = int(told), time.time() if now is None else now
    expected = _signature(token, question, at).encode()
    return hmac.compare_digest(signature.encode("utf-8", "replace"), expected) and abs(lately - at) <= VALID_SECONDS


def _signature(token: SecretStr, question: Iterable[tuple[str, str]], at: int) -> str:
    signed = urlencode([("at", str(at)), *question], errors="surrogatepass")
    return hmac.new(token.get_secret_value().encode(), signed.encode(), sha256).hexdigest()
