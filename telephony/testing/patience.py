"""How long tests, the demo and chaos runs wait for what has to come."""

PATIENCE = 30.0
"""Seconds. Only a run that fails waits so long: on a host that stands still for some seconds, as virtual machines do,
a tighter limit would tell of the host. Where a time itself is promised, the test states that time."""
