"""What an operator decides: settings from the environment and the declared sources and KPIs.

This package reads and validates; it computes nothing and imports nothing from `metrics` or `streams`.
"""
