"""Tokens of OpenID Connect providers and other issuers of JWTs; see `tokens.py`."""
