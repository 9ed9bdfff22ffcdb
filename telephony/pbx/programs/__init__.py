"""The outside programs: how each is run, where it comes from, how it is unpacked. Standard library only."""
