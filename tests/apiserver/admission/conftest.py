"""A Registry with the plugins that a test names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apiserver.admission.options import AdmissionArgs
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.subresources import Subresources
from minikube_py.store.memory import MemoryStore

Make = Callable[..., AbstractAsyncContextManager[LocalClient]]


@pytest.fixture
def admitting(tmp_path: Path) -> Make:
    """A client of a Registry; arguments are plugins to be enabled beside the default ones, and their configurations by name."""

    @asynccontextmanager
    async def made(*enable: str, disable: tuple[str, ...] = (), **configurations: Any) -> AsyncIterator[LocalClient]:
        file = tmp_path / "admission.yaml"
        plugins = [{"name": name, "configuration": document} for name, document in configurations.items()]
        document = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}
        file.write_text(yaml.safe_dump(document))
        args = AdmissionArgs(file, tuple({*enable, *configurations}), disable)
        store = MemoryStore()
        await store.open()
        registry = build_registry(store, RegistryOptions(), args=args)
        client = LocalClient(registry, Subresources(registry, no_tokens), "test")
        await client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name="default")))
        await client.create(core_v1.ServiceAccount(metadata=meta_v1.ObjectMeta(name="default", namespace="default")))
        yield client
        await registry.admission.close()
        await store.close()

    return made


def no_tokens(*_: Any) -> Any:
    raise AssertionError("no test of this fixture asks for tokens")


def meta(name: str = "x", namespace: str = "default", **fields: Any) -> meta_v1.ObjectMeta:
    return meta_v1.ObjectMeta(name=name, namespace=namespace, **fields)


def pod(name: str = "p", *, requests: dict[str, str] | None = None, **spec: Any) -> core_v1.Pod:
    limits = {key: value for key, value in (requests or {}).items() if "/" in key}
    resources = core_v1.ResourceRequirements(requests=dict(requests or {}), limits=limits)
    container = core_v1.Container(name="c", image="i:1", resources=resources)
    return core_v1.Pod(metadata=meta(name), spec=core_v1.PodSpec(containers=[container], **spec))
