"""Chaos: whole installations whose programs, broker and Redis are killed, stopped and started at random.

A seed says everything: what is fed, what is declared, and which faults come when. `python -m tests.chaos` runs many;
each one must end with exactly the numbers of a recomputation from its events.
"""
