"""How values are spelt on the wire, as JSON Schema: what all contracts share."""

from typing import Any, get_args

from config.declarations.terms import Aggregate, Unit, WindowToken
from metrics.evaluate import Reason

JsonSchema = dict[str, Any]
CONTRACT_VERSION = "1.0.0"
"""The version of all contracts: its first number changes when a client that obeys them has to change."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DAY = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_HOUR = "([01][0-9]|2[0-3])"
_OFFSET = f"(Z|[+-]{_HOUR}:[0-5][0-9])"
KEY_PATTERN = "[a-z][a-z0-9_]*"
_VALUE_PATTERN = "([^%,=|]|%(25|2C|3D|7C))*"

WINDOWS: tuple[str, ...] = get_args(WindowToken)
AGGREGATES: tuple[str, ...] = get_args(Aggregate)

KEY: JsonSchema = {"type": "string", "pattern": f"^{KEY_PATTERN}$"}
DATE: JsonSchema = {"type": "string", "format": "date", "pattern": f"^[0-9]{{4}}-{_DAY}$"}
INSTANT: JsonSchema = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^(19[7-9][0-9]|20[0-9]{{2}})-{_DAY}[Tt]{_HOUR}:[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?{_OFFSET}$",
}
"""An instant as it may be sent to us: RFC 3339 with an offset, in the years 1970 to 2099."""
INSTANT_SENT: JsonSchema = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^[0-9]{{4}}-{_DAY}T{_HOUR}:[0-5][0-9]:[0-5][0-9]\\.[0-9]{{3}}Z$",
}
"""An instant as we send it: RFC 3339 in UTC with milliseconds."""
DECIMAL_SENT: JsonSchema = {"type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"}
"""An exact number as we send it."""
CURRENCY: JsonSchema = {"type": "string", "pattern": "^[A-Z]{3}$"}
WINDOW: JsonSchema = {"type": "string", "enum": list(WINDOWS)}
AGGREGATE: JsonSchema = {"type": "string", "enum": list(AGGREGATES)}
UNIT: JsonSchema = {"type": "string", "enum": list(get_args(Unit))}
REASON: JsonSchema = {"type": "string", "enum": list(get_args(Reason))}
DEFINITION_VERSION: JsonSchema = {"type": "string", "pattern": "^[0-9a-f]{12}$"}
FINGERPRINT: JsonSchema = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
"""What tells an alert from others: a checksum of its labels."""

_SERIES = f"{KEY_PATTERN}(\\.({'|'.join(AGGREGATES)}))?"
_ROW = f"({'|'.join(WINDOWS)})\\|({KEY_PATTERN}={_VALUE_PATTERN}(,{KEY_PATTERN}={_VALUE_PATTERN})*)?"
SERIES: JsonSchema = {"type": "string", "pattern": f"^{_SERIES}$"}
"""A KPI, with its aggregate where it has several: ``lead_response_time.p90``."""
ROW: JsonSchema = {"type": "string", "pattern": f"^{_ROW}$"}
"""A window and dimension values: ``30d|team=noord``."""
SERIES_KEY: JsonSchema = {"type": "string", "pattern": f"^{_SERIES}\\|{_ROW}$"}
"""Both: ``revenue|30d|team=noord``."""
