"""Hands out what a build made. It reads the warehouse and never writes to it."""
