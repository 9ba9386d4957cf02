"""The moving parts: Kafka, Redis, HTTP, the worker and the view.

This package carries events and readings to and fro. What a KPI means is decided in `metrics`, never here.
"""
