"""Alembic's migrations of our own database."""
