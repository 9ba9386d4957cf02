"""Alerts on their way from Alertmanager to the topic `sales.alerts`: what is delivered, what is told, and the hook."""
