"""The figures that the documents state, measured on this machine: `make bench` and `make bench-peers`."""
