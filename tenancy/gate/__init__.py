"""The gate: sign-in pages, and the word that the front door asks for before it lets a request on."""
