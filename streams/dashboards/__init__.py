"""Grafana dashboards, made from the declarations."""
