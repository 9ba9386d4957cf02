"""The rules of Prometheus and their unit tests, made from the declarations.

The same declarations and settings give the same bytes; nothing is read or sent here.
"""
