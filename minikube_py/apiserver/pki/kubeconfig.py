"""Kubeconfigs with everything inside."""

from __future__ import annotations

import base64
from typing import Any


def kubeconfig(server_url: str, ca_pem: bytes, certificate_pem: bytes, key_pem: bytes) -> dict[str, Any]:
    """A kubeconfig of one cluster, one user and one context, all named "default"."""
    cluster = {"server": server_url, "certificate-authority-data": _base64(ca_pem)}
    user = {"client-certificate-data": _base64(certificate_pem), "client-key-data": _base64(key_pem)}
    return {
        "apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": "default",
        "clusters": [{"name": "default", "cluster": cluster}],
        "users": [{"name": "default", "user": user}],
        "contexts": [{"name": "default", "context": {"cluster": "default", "user": "default"}}],
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
