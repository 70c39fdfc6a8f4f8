"""Triton from its PyPI wheel, in an environment of its own, on Unix sockets."""
