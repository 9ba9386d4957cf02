"""State as each release has written it, for the releases after it.

`state-<version>.json` holds the records that a worker of the release with that record version had on its internal
topics after the first golden example. `python -m tests.upgrade` writes that of the present version.
"""
