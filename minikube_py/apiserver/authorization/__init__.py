"""Deciding what a request may do."""

from .attributes import AlwaysAllow, Attributes, Authorizer, AuthorizerChain, Decision, forbidden
from .node import NodeRoleAuthorizer
from .rbac import RbacAuthorizer

__all__ = ["AlwaysAllow", "Attributes", "Authorizer", "AuthorizerChain", "Decision", "NodeRoleAuthorizer", "RbacAuthorizer", "forbidden"]
