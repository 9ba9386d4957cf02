"""How hard the fuzz tests try: a few hundred inputs each, always the same; or as many others as FUZZ_EXAMPLES says."""

import os

from hypothesis import HealthCheck, settings

_GIVEN = os.environ.get("FUZZ_EXAMPLES")
_CI_EXAMPLES = 300


def effort(share: float = 1.0) -> settings:
    """Return the settings of a test whose inputs cost 1 / `share` times as much as those of the others."""
    return settings(
        max_examples=max(1, round(int(_GIVEN or _CI_EXAMPLES) * share)),
        derandomize=_GIVEN is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
