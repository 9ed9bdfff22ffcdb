"""Real SIP phones for tests, the demo and load: baresip one by one, SIPp by the hundred. Loopback only."""
