"""What helps when a broker cannot be reached or refuses us: the setting to look at, by the error that there was."""

from ssl import SSLCertVerificationError, SSLError

from aiokafka.errors import SaslAuthenticationFailed, UnsupportedSaslMechanismError

from config.settings import Settings

_NAME_DIFFERS = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH

_SECURED = "; if it wants TLS or a user, set `SALESPULSE_KAFKA_SECURITY_PROTOCOL`"


def remedy_of(settings: Settings, error: BaseException | None) -> str:
    """Return what helps against `error`, in words that name the settings and no secret."""
    if isinstance(error, SSLCertVerificationError):
        return _certificate_remedy(error)
    if isinstance(error, SSLError):
        return (
            "see whether the broker wants TLS there (`SALESPULSE_KAFKA_SECURITY_PROTOCOL` is"
            f" `{settings.kafka_security_protocol}`), and a certificate of its clients"
            " (`SALESPULSE_KAFKA_SSL_CERTFILE`)"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        return "set `SALESPULSE_KAFKA_SASL_MECHANISM` to one that the broker has"
    if isinstance(error, SaslAuthenticationFailed | ValueError):
        return (
            f"the broker does not let in user `{settings.kafka_sasl_username}` by"
            f" `{settings.kafka_sasl_mechanism}`; set `SALESPULSE_KAFKA_SASL_USERNAME` and"
            " `SALESPULSE_KAFKA_SASL_PASSWORD` to those of a user that it knows"
        )
    open_ = not settings.kafka_security_protocol.endswith("SSL")
    hint = "" if isinstance(error, OSError) or not open_ else _SECURED  # it was reached, and hung up
    return f"start the broker, or set `SALESPULSE_KAFKA` to where it is{hint}"


def _certificate_remedy(error: SSLCertVerificationError) -> str:
    if error.verify_code in _NAME_DIFFERS:
        return "the certificate is for another host; set `SALESPULSE_KAFKA` to a name that stands in it"
    return (
        "the certificate is of an authority that is not trusted, or has expired; set `SALESPULSE_KAFKA_SSL_CAFILE` to a"
        " file with its authority"
    )
