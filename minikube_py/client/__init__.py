"""Typed access to the API, in this process or over HTTP, and the caches that components read."""
