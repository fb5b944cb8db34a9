"""What relying parties need to verify service account tokens: the issuer's discovery document and its public keys.

Only an issuer that is an https URL without query and fragment is told, as the OpenID specification wants it.
Source: pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go, openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

import msgspec

from .keys import ServiceAccountKeys

log = logging.getLogger(__name__)

CONFIGURATION_PATH: Final = "/.well-known/openid-configuration"
JWKS_PATH: Final = "/openid/v1/jwks"
CACHE_CONTROL: Final = "public, max-age=3600"


class OpenIdMetadata:
    """Makes both documents.

    Args:
        issuer: who signs tokens now.
        jwks_uri: where the keys are said to be; "" for this server.
    """

    def __init__(self, keys: ServiceAccountKeys, issuer: str, jwks_uri: str = "") -> None:
        self._keys = keys
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        problem = _problem(issuer)
        self.paths = () if problem else (CONFIGURATION_PATH, JWKS_PATH)
        if problem:
            log.warning("the service account issuer is not told to relying parties issuer=%s reason=%s", issuer, problem)

    def document(self, path: str, server_address: str) -> tuple[str, bytes] | None:
        """Content type and body; None if the path is another one.

        Args:
            server_address: host and port of this server.
        """
        path = path.removesuffix("/")
        if path not in self.paths:
            return None
        if path == JWKS_PATH:
            return "application/jwk-set+json", msgspec.json.encode(self._keys.jwks())
        jwks_uri = self._jwks_uri or f"https://{server_address}{JWKS_PATH}"
        return "application/json", msgspec.json.encode(self._keys.openid_configuration(self._issuer, jwks_uri))


def _problem(issuer: str) -> str:
    """Why an issuer is no OpenID issuer; "" if it is one."""
    try:
        url = urlsplit(issuer)
    except ValueError as error:
        return str(error)
    if url.scheme != "https":
        return "issuer URL must use https scheme"
    if url.query:
        return "issuer URL may not include a query"
    return "issuer URL may not include a fragment" if url.fragment else ""
