"""The core that every area stands on: settings, database, identity, errors, events. Imports no area."""

__version__ = "0.1.0"
