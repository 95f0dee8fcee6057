"""Writes the documentation site: static pages that work from the disk, without a network."""
