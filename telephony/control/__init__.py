"""The control socket: its frames, both its ends, and the picture of the center that goes through it."""
