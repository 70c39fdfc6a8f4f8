"""The example projects: flights, and handwritten digits."""
