"""The HTTP interface for other services: readings, the catalogue, and a stream of what changes."""
