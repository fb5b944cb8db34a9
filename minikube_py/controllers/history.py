"""Revisions of pod templates, kept as ControllerRevisions by DaemonSets and StatefulSets.

Owns finding or making the revision of the present template and cutting the history. A revision's data is a patch: applied to its owner, it
brings the template back, which is how `kubectl rollout undo` works.
Source: pkg/controller/history/controller_history.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from minikube_py.apis.apps_v1 import ControllerRevision
from minikube_py.apis.core_v1 import PodTemplateSpec
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import deep_copy, from_document, to_document
from minikube_py.client.interface import Client
from minikube_py.core.errors import AlreadyExistsError, NotFoundError

from .hashing import template_hash
from .refs import controller_ref, is_controlled_by, meta_of

HASH_LABEL = "controller-revision-hash"


class CollisionError(Exception):
    """The name of a revision is taken by another object: the hash needs a higher collision count."""


def template_data(template: PodTemplateSpec) -> dict[str, Any]:
    """The data of a template's revision."""
    return {"spec": {"template": {**to_document(template), "$patch": "replace"}}}


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template that a revision holds."""
    document = {key: value for key, value in revision.data["spec"]["template"].items() if key != "$patch"}
    return from_document(PodTemplateSpec, document)


async def current_revision(
    client: Client, owner: Object, template: PodTemplateSpec, known: Sequence[ControllerRevision], *,
    labels: dict[str, str], hash_label: str, collision_count: int | None,
) -> ControllerRevision:
    """The newest revision, with the present template; found among `known` or made.

    Args:
        known: the revisions that `owner` controls.
        labels: labels of a new revision, beside `hash_label`.
    Raises: CollisionError if the name is taken by another object.
    """
    data = template_data(template)
    number = max((revision.revision for revision in known), default=0) + 1
    same = [revision for revision in known if revision.data == data]
    if same:
        newest = max(same, key=lambda revision: revision.revision)
        if newest.revision == number - 1:
            return newest
        copy = deep_copy(newest)
        copy.revision = number
        return await client.update(copy)
    hash_ = template_hash(template, collision_count)
    meta = meta_of(owner)
    wanted = ControllerRevision(
        api_version="apps/v1", kind="ControllerRevision",
        metadata=ObjectMeta(
            name=f"{meta.name[:223]}-{hash_}", namespace=meta.namespace, labels={**labels, hash_label: hash_},
            annotations=dict(meta.annotations), owner_references=[controller_ref(owner)],
        ),
        data=data, revision=number,
    )
    try:
        return await client.create(wanted)
    except AlreadyExistsError as error:
        found = await client.get(ControllerRevision, wanted.metadata.name, meta.namespace)
        if is_controlled_by(found, owner) and found.data == data:
            return found
        raise CollisionError(wanted.metadata.name) from error


async def truncate(client: Client, known: Sequence[ControllerRevision], live: Collection[str], limit: int) -> None:
    """Delete the oldest revisions beyond `limit`, of those that are not live.

    Args:
        live: names of revisions that pods or the owner still use.
    """
    spare = sorted((row for row in known if row.metadata.name not in live), key=lambda row: row.revision)
    surplus = spare[: max(0, len(spare) - limit)]
    await asyncio.gather(*(_delete(client, revision) for revision in surplus))


async def _delete(client: Client, revision: ControllerRevision) -> None:
    meta = revision.metadata
    try:
        await client.delete(ControllerRevision, meta.name, meta.namespace, uid=meta.uid)
    except NotFoundError:
        return
