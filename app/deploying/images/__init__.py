"""Images of an overlay on a site without the internet: listed, locked, mirrored, loaded, and the manifests led to them."""
