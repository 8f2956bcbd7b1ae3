"""What administrators set up, and brand managers of their brands: one file a part of the page."""
