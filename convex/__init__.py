"""Convex as others speak to it: a deployment's address and key, its HTTP API, and the pages of its changes.

`extract` reads deployments with it, and `publish push` writes to one. It imports `common`, and nothing else of ours.
"""
