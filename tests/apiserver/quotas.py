"""The resource quota controller beside a server of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from minikube_py.client.informer import Informers
from minikube_py.controllers.base import Context
from minikube_py.controllers.resource_quota import ResourceQuotaController

from .lab import Lab


@asynccontextmanager
async def quota_controller(lab: Lab) -> AsyncIterator[None]:
    """Runs it."""
    client = lab.api.client("system:kube-controller-manager")
    informers = Informers(client)
    controller = ResourceQuotaController(Context(client, informers), lab.registry.quota_usage.used)
    tasks = [asyncio.create_task(informers.run()), asyncio.create_task(controller.run())]
    try:
        await controller.ready.wait()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
