"""Demos in front of services: forms made from a model's signature, one host name a demo, in a process of their own."""
