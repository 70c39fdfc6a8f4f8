"""Setting up a machine: the standard library alone, before anything is installed."""
