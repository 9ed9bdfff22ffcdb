"""Fixtures that several integration tests share: one PostgreSQL server for all of them."""

from tests.integration.postgres import database_url, postgres

__all__ = ["database_url", "postgres"]
