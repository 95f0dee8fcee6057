"""Lands Convex documents in the raw zone, byte for byte.

The package knows Convex and Parquet. It knows no tag, no palette and no model: any Convex table lands the same way.
"""
