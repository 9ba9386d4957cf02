"""Secrets from files, as containers and their orchestrators hand them over: `SALESPULSE_…_FILE` names the file."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

SUFFIX = "_file"
_MOST_BYTES = 64 * 1024


class SecretFileError(ValueError):
    """A secret cannot be read; the text names the setting and the file, never what is in it."""


def read_secret_files(environment: Mapping[str, str], prefix: str, fields: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each of `fields` whose secret stands in a file, and the secret, without the end of its line.

    Raises:
        SecretFileError: a secret is given twice, or its file is not there, not UTF-8, empty, or far too large.
    """
    given = {name.upper(): value for name, value in environment.items() if value}
    for field in fields:
        variable = (prefix + field).upper()
        path = given.get(variable + SUFFIX.upper())
        if path is None:
            continue
        if variable in given:
            raise SecretFileError(f"`{variable}` and `{variable}{SUFFIX.upper()}` are both set; remove one of them")
        yield field, _read(f"{variable}{SUFFIX.upper()}", path)


def _read(variable: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode()
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise SecretFileError(f"`{variable}` is `{path}`, which cannot be read: {reason}") from None
    except UnicodeDecodeError:
        raise SecretFileError(f"`{variable}` is `{path}`, which is not a text in UTF-8") from None
    if len(content) > _MOST_BYTES:
        raise SecretFileError(f"`{variable}` is `{path}`, which is too large for a secret; name a file with it alone")
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise SecretFileError(f"`{variable}` is `{path}`, which is empty; write the secret into it")
    return secret
