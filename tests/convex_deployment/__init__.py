"""A deployment for tests that behaves like Convex's, as far as an extractor or a publisher can see it.

It is a process of its own that speaks HTTP on 127.0.0.1: `convex_deployment.control.Deployment` starts and steers it.
What it does follows convex-backend, as the docstrings say; the store, `store.py`, keeps the whole history, so that a
test can ask what was true at any timestamp.
"""
