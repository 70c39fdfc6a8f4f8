"""Composition: command line, supervisor, REST application, worker, front door. Works with nothing else running."""
