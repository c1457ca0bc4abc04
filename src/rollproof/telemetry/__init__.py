"""Handing evidence to monitoring: Prometheus and OpenTelemetry. Everything here needs rollproof[metrics]."""
