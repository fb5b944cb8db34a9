"""Encryption at rest: what lies in the store's file so that who has the file cannot read it.

`configuration.py` is what is wanted (upstream's EncryptionConfiguration), `providers.py` the ciphers, `transformer.py` which of them a
resource has, `secrets_encryption.py` the keys of this server and their rotation.
"""
