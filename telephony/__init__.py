"""Gudok: a contact center on Asterisk. This file stays free of imports: install.py runs before any library is there."""
