"""Putting Atrium on a Kubernetes cluster: what is there, the plan, applying it, waiting for it."""
