"""Reads handwritten digits (scikit-learn's 1,797 images of 8 by 8 pixels): an image model on the same way."""
