"""The way to Redis: quick to say that it is away, because the next tick tries again anyway."""

from ssl import SSLCertVerificationError, SSLError, TLSVersion
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from config.redis_address import is_encrypted
from config.settings import Settings

REDIS_AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when Redis does not do what it is asked."""


def redis_client(settings: Settings, answer_seconds: float) -> Any:
    """Return a client that gives Redis so long for an answer, None without an address; it connects when first used."""
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    return Redis.from_url(
        url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 0),
        **(_tls(settings) if is_encrypted(url) else {}),
    )


def _tls(settings: Settings) -> dict[str, Any]:
    files = settings.redis_tls
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_min_version": TLSVersion.TLSv1_2,
        "ssl_ca_certs": files.cafile and str(files.cafile),
        "ssl_certfile": files.certfile and str(files.certfile),
        "ssl_keyfile": files.keyfile and str(files.keyfile),
    }


def redis_remedy(error: BaseException) -> str:
    """Return what helps against an error of Redis, in words that name the settings and no secret."""
    causes = [error, *_causes(error)]
    if any(isinstance(cause, NoPermissionError) for cause in causes):
        return "allow the user of `SALESPULSE_REDIS_URL` what docs/deploy.md lists"
    if any(isinstance(cause, AuthenticationError) for cause in causes):
        return "set `SALESPULSE_REDIS_URL` to user and password of one that Redis knows"
    if any(isinstance(cause, SSLCertVerificationError) for cause in causes):
        return (
            "set `SALESPULSE_REDIS_SSL_CAFILE` to a file with the authority of its certificate, and"
            " `SALESPULSE_REDIS_URL` to a host that stands in it"
        )
    if any(isinstance(cause, SSLError) for cause in causes):
        return "see whether Redis wants TLS there (`rediss://`), and a certificate (`SALESPULSE_REDIS_SSL_CERTFILE`)"
    return "start it, or set `SALESPULSE_REDIS_URL` to where it is, with `rediss://` if it wants TLS"


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
