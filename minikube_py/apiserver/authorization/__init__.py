"""Deciding what a request may do."""

from .attributes import AlwaysAllow, AlwaysDeny, Attributes, Authorizer, AuthorizerChain, Decision, PrivilegedGroup, forbidden
from .node import NodeAuthorizer
from .rbac import RbacAuthorizer

__all__ = [
    "AlwaysAllow", "AlwaysDeny", "Attributes", "Authorizer", "AuthorizerChain", "Decision", "NodeAuthorizer", "PrivilegedGroup",
    "RbacAuthorizer", "forbidden",
]
