"""What Alertmanager delivers to a webhook, version 4 of its message: the parts that are used."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

_YEARS = range(1970, 2100)
_Instant = Annotated[datetime, Meta(tz=True)]


class DeliveryError(ValueError):
    """A body that is no delivery of alerts. Reaction: refuse it; sending it again would change nothing."""


class DeliveredAlert(Struct, rename="camel", frozen=True):
    """One alert of a delivery; fields that are not used are not looked at."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    starts_at: _Instant
    ends_at: _Instant
    """Of a firing alert: the year 1."""
    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    annotations: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what has no name, and instants that cannot be those of an alert.

        Raises:
            ValueError: with the field in question; msgspec adds where the alert stands.
        """
        if not self.labels.get("alertname"):
            raise ValueError("Object missing required label `alertname` in `labels`")
        ends = () if self.status == "firing" else (("endsAt", self.ends_at),)
        for name, at in (("startsAt", self.starts_at), *ends):
            if at.year not in _YEARS:
                raise ValueError(f"`{name}` of a {self.status} alert is in the year {at.year}, which is not now")


class Delivery(Struct):
    """A group of alerts, some of them new or ended since the last delivery of the group."""

    version: Literal["4"]
    alerts: list[DeliveredAlert]


_decode = msgspec.json.Decoder(Delivery).decode


def decode_delivery(body: bytes) -> Delivery:
    """Return the delivery that `body` holds.

    Raises:
        DeliveryError: it holds none; the text names the field.
    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DeliveryError(
            f"the body is no webhook message of Alertmanager, version `4`: {error};"
            " point a `webhook_config` of Alertmanager here"
        ) from None
