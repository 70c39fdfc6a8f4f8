"""The figures that the README states, measured."""
