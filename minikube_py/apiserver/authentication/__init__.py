"""Finding out who sends a request."""

from .authenticator import Authenticator
from .bootstrap import BootstrapTokens
from .keys import ServiceAccountKeys
from .service_account import ServiceAccountTokens
from .token_file import StaticTokens
from .token_request import TokenIssuer
from .tokens import TokenIdentity, Tokens
from .user import ANONYMOUS, UserInfo

__all__ = [
    "ANONYMOUS", "Authenticator", "BootstrapTokens", "ServiceAccountKeys", "ServiceAccountTokens", "StaticTokens", "TokenIdentity",
    "TokenIssuer", "Tokens", "UserInfo",
]
