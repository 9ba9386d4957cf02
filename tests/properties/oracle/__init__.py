"""The oracle: every KPI recomputed from scratch out of the list of events, in the plainest Python there is.

It follows the definitions, not the code: a naive merge per field, one hand-written formula for each KPI, windows by
`zoneinfo`, money by `Fraction`. Of the declarations it takes only what is configured: windows, grains, field lists,
pipelines, spans, closed lists. It shares nothing with `metrics/`.
"""

from tests.properties.oracle.answers import Answer, Dims, Key
from tests.properties.oracle.clock import ms
from tests.properties.oracle.merging import merge
from tests.properties.oracle.readings import TESTED, recompute

__all__ = ["TESTED", "Answer", "Dims", "Key", "merge", "ms", "recompute"]
