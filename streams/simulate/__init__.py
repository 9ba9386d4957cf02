"""A simulated organisation: a seeded, pure stream of events as a CRM, a shop, a hotel and a factory would send them.

Nothing here asks the time or does I/O. `engine` keeps the clock, `organisation` puts the parts together; each other
module is one part of what goes on.
"""
