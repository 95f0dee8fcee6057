"""Tools that measure the project: an export generator of any size, and the timings made with it."""
