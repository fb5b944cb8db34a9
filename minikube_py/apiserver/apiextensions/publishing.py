"""Keeps discovery and OpenAPI in step with the definitions of custom resources.

Owns which custom group-versions are published, and as what. It does not own the storages that answer for them.

Each change is published at once, within the call; documents are built when somebody asks for them.

Source: k8s.io/apiextensions-apiserver pkg/apiserver/customresource_discovery_controller.go, pkg/controller/openapi and openapiv3
"""

from __future__ import annotations

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.custom_resources import resource_type, served_versions, version_of

from ..discovery import Discovery
from ..openapi import OpenApi
from ..openapi_custom import CustomResource


class Publishing:
    """Publishes the served versions of definitions."""

    def __init__(self, discovery: Discovery, openapi: OpenApi) -> None:
        self._discovery = discovery
        self._openapi = openapi
        self._groups: dict[str, dict[str, CustomResourceDefinition]] = {}
        self._published: dict[str, set[str]] = {}

    def changed(self, old: CustomResourceDefinition | None, new: CustomResourceDefinition | None) -> None:
        """Take note of a definition that was created (no `old`), changed or deleted (no `new`). Definitions are not changed here."""
        crd = new or old
        if crd is None:
            return
        definitions = self._groups.setdefault(crd.spec.group, {})
        if new is not None and served_versions(new):
            definitions[new.metadata.name] = new
        else:
            definitions.pop(crd.metadata.name, None)
        self._publish(crd.spec.group)

    def _publish(self, group: str) -> None:
        """Publish what the definitions of a group serve now, and withdraw what they do not any more."""
        versions: dict[str, list[CustomResource]] = {}
        for crd in self._groups[group].values():
            for name in served_versions(crd):
                versions.setdefault(name, []).append(_custom_resource(crd, name))
        for name in self._published.get(group, set()) - set(versions):
            self._discovery.remove_group_version(group, name)
            self._openapi.withdraw(group, name)
        for name, customs in versions.items():
            self._discovery.add_group_version(group, name, (custom.resource for custom in customs))
            self._openapi.publish(group, name, customs)
        if versions:
            self._published[group] = set(versions)
        else:
            self._published.pop(group, None)
            if not self._groups[group]:
                del self._groups[group]


def _custom_resource(crd: CustomResourceDefinition, name: str) -> CustomResource:
    version = version_of(crd, name)
    return CustomResource(
        resource_type(crd, name),
        None if version.schema is None else version.schema.open_apiv3_schema,
        tuple(field.json_path for field in version.selectable_fields),
    )
