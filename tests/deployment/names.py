"""The name server of a compose network: each service has an address, and nothing else has one.

python -m tests.deployment.names NAME...
"""

import ipaddress
import socket
import struct
import sys
from collections.abc import Mapping

_A, _IN = 1, 1
_ANSWER, _NO_SUCH_NAME = 0x8580, 0x8583
_HEADER = struct.Struct(">6H")
_RECORD = struct.Struct(">HHHIH4s")
_FIRST = ipaddress.IPv4Address("127.0.1.1")


def addresses(names: list[str]) -> dict[str, str]:
    """Give each name an address of the loopback network that is not `localhost`.

    Whoever listens on `127.0.0.1` only is not reached there, as between containers.
    """
    return {name: str(_FIRST + position) for position, name in enumerate(names)}


def answer(query: bytes, known: Mapping[str, str]) -> bytes:
    """Answer a DNS query for an IPv4 address; other questions about a known name have an empty answer."""
    labels, end = [], _HEADER.size
    while length := query[end]:
        labels.append(query[end + 1 : end + 1 + length].decode("ascii"))
        end += 1 + length
    kind, _ = struct.unpack_from(">HH", query, end + 1)
    address = known.get(".".join(labels).lower())
    records = [] if address is None or kind != _A else [_record(address)]
    flags = _NO_SUCH_NAME if address is None else _ANSWER
    (number,) = struct.unpack_from(">H", query)
    return _HEADER.pack(number, flags, 1, len(records), 0, 0) + query[_HEADER.size : end + 5] + b"".join(records)


def _record(address: str) -> bytes:
    """Return the record for the name that was asked for, which begins at byte 12."""
    return _RECORD.pack(0xC00C, _A, _IN, 1, 4, socket.inet_aton(address))


def main() -> None:
    """Say `ready` and answer until the end."""
    known = addresses(sys.argv[1:])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            query, client = server.recvfrom(512)
            server.sendto(answer(query, known), client)


if __name__ == "__main__":
    main()
