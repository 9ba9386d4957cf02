"""What an address of Redis may look like."""

import re
from urllib.parse import parse_qsl, urlsplit

SCHEMES = ("redis", "rediss", "unix")
_TLS = "rediss://"


def fault_of(url: str) -> str | None:
    """Return what is wrong with the address, None when nothing is; the text never holds a part of it.

    Redis's client would name the part that it stumbles over, and that may be a piece of the password.
    """
    if not url.startswith(tuple(f"{scheme}://" for scheme in SCHEMES)):
        return "the value is not a Redis address; begin it with `redis://`, `rediss://` or `unix://`"
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        readable, parts, query = False, urlsplit(""), []
    local = parts.scheme == "unix"
    if not readable or parts.fragment or not (parts.path if local else parts.hostname):
        return (
            "the value is not a Redis address; write it like `rediss://user:password@host:6379/0`, and `/`, `?`, `#`,"
            " `@` or `%` in a password as `%2F`, `%3F`, `%23`, `%40` or `%25`"
        )
    database = "" if local else parts.path.strip("/")
    if not re.fullmatch(r"\d*", database) or any(key != "db" or not text.isdecimal() for key, text in query):
        return "after the host there may be the number of a database, such as `/0`, and nothing else"
    return None


def is_encrypted(url: str) -> bool:
    """Return whether the connection is by TLS."""
    return url.startswith(_TLS)
