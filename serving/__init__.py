"""Services on Triton and the demos in front of them."""
