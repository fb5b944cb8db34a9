"""Who a node name belongs to: the machine that joined with it first.

A machine sends a random password of its own with each join; its salted hash is the Secret NAME.node-password.minikube-py in kube-system.
Another machine that asks for the name has another password and is refused, until the Node is deleted. The password is 256 random
bits, so a plain SHA-256 keeps it: slow hashes protect guessable ones, and would cost a small server 100 ms and 32 MB each.

Source: docs.k3s.io/architecture#how-agent-node-registration-works
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from minikube_py.apis import core_v1, meta_v1
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError, BadRequestError, ForbiddenError, NotFoundError

NAMESPACE = "kube-system"
SUFFIX = ".node-password.minikube-py"
PASSWORD_CHARACTERS_MIN = 32


async def claim(client: Client, node_name: str, password: str, *, own: bool = False) -> None:
    """Let the machine with this password have this name.

    Args:
        own: the machine is the server itself, whose name nobody else can have; it may have lost its password.
    Raises: ForbiddenError if the name is another machine's; BadRequestError if the password is too short to be random.
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise BadRequestError(f"the node password must have at least {PASSWORD_CHARACTERS_MIN} characters")
    try:
        secret = await client.get(core_v1.Secret, node_name + SUFFIX, NAMESPACE)
    except NotFoundError:
        try:
            await client.create(_secret(node_name, password))
            return
        except AlreadyExistsError:
            secret = await client.get(core_v1.Secret, node_name + SUFFIX, NAMESPACE)
    if matches(secret.data.get("hash", b"").decode(errors="replace"), password):
        return
    if not own and await _node_exists(client, node_name):
        raise ForbiddenError(
            f'node password rejected, duplicate hostname or contents of agent/node-password may not match the node "{node_name}"; '
            "use another --node-name, or delete the node before another machine takes its name"
        )
    fresh = _secret(node_name, password)
    fresh.metadata.resource_version = secret.metadata.resource_version
    await client.update(fresh)


async def is_claimed(client: Client, node_name: str) -> bool:
    """Whether a name is that of a node whose machine is known by its password."""
    try:
        await client.get(core_v1.Secret, node_name + SUFFIX, NAMESPACE)
    except NotFoundError:
        return False
    return await _node_exists(client, node_name)


def hashed(password: str) -> str:
    """ "2:salt:hash", the way a password is kept."""
    salt = secrets.token_hex(16)
    return f"2:{salt}:{_digest(salt, password)}"


def matches(stored: str, password: str) -> bool:
    """Whether a stored hash is a password's."""
    version, _, rest = stored.partition(":")
    salt, _, digest = rest.partition(":")
    return version == "2" and bool(digest) and hmac.compare_digest(digest.encode(), _digest(salt, password).encode())


def _digest(salt: str, password: str) -> str:
    return hashlib.sha256(f"{salt}:{password}".encode()).hexdigest()


def _secret(node_name: str, password: str) -> core_v1.Secret:
    return core_v1.Secret(
        kind="Secret", api_version="v1", metadata=meta_v1.ObjectMeta(name=node_name + SUFFIX, namespace=NAMESPACE), type="Opaque",
        data={"hash": hashed(password).encode()},
    )


async def _node_exists(client: Client, node_name: str) -> bool:
    try:
        await client.get(core_v1.Node, node_name)
    except NotFoundError:
        return False
    return True
