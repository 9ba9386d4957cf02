"""The pure core: events become entities, entities become cells, cells become readings.

No I/O and no clock: time is an argument everywhere, and everything here is a function of its arguments.
"""
