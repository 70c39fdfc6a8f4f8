"""A backup of the whole platform in one file, and a restore of it into an empty home."""
