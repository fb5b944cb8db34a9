"""What the built-in kubectl's changing verbs do to a cluster, and what they say."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import Kubectl

POD = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","labels":{"app":"p"}},"spec":{"containers":[{"name":"c","image":"i"}]}}'


async def said(kubectl: Kubectl, command: str, stdin: str = "") -> str:
    result = await kubectl.ours(command, stdin)
    assert result.code == 0, result.err
    return result.out


async def test_deployment_from_flags_is_scaled_labelled_and_patched(cluster: Kubectl) -> None:
    assert await said(cluster, "create deployment web --image=nginx --replicas=2") == "deployment.apps/web created\n"
    assert await said(cluster, "scale deploy web --replicas=5") == "deployment.apps/web scaled\n"
    assert await said(cluster, "label deploy web tier=front") == "deployment.apps/web labeled\n"
    assert await said(cluster, "annotate deploy web note='a b'") == "deployment.apps/web annotated\n"
    assert await said(cluster, "set image deploy/web nginx=nginx:2") == "deployment.apps/web image updated\n"
    assert await said(cluster, "patch deploy web -p '{\"spec\":{\"paused\":true}}'") == "deployment.apps/web patched\n"
    path = "{.spec.replicas} {.metadata.labels.tier} {.metadata.annotations.note} {.spec.template.spec.containers[0].image} {.spec.paused}"
    assert await said(cluster, f"get deploy web -o jsonpath='{path}'") == "5 front a b nginx:2 true"


async def test_label_is_not_overwritten_unasked(cluster: Kubectl) -> None:
    await said(cluster, "apply -f -", POD)
    refused = await cluster.ours("label pod p app=other")
    assert (refused.code, refused.err) == (1, "error: 'app' already has a value (p), and --overwrite is false\n")
    assert await said(cluster, "label pod p app=other --overwrite") == "pod/p labeled\n"
    assert await said(cluster, "label pod p app-") == "pod/p unlabeled\n"
    assert await said(cluster, "get pod p -o jsonpath='{.metadata.labels}'") == ""


async def test_wait_ends_when_the_object_is_gone(cluster: Kubectl) -> None:
    held = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"held","finalizers":["example.com/hold"]}}'
    await said(cluster, "apply -f -", held)
    assert await said(cluster, "delete cm held --wait=false") == 'configmap "held" deleted from default namespace\n'
    waiting = asyncio.create_task(cluster.ours("wait --for=delete cm/held --timeout=20s"))
    assert (await cluster.stock("get cm held -o name")).out == "configmap/held\n"
    assert not waiting.done()
    await cluster.stock("patch cm held --type=merge -p '{\"metadata\":{\"finalizers\":null}}'")
    assert (await waiting).out == "configmap/held condition met\n"
    assert (await cluster.ours("get cm held")).err == 'Error from server (NotFound): configmaps "held" not found\n'


async def test_cordoned_node_says_so_twice(cluster: Kubectl) -> None:
    await said(cluster, "apply -f -", '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}')
    assert await said(cluster, "cordon n1") == "node/n1 cordoned\n"
    assert await said(cluster, "cordon n1") == "node/n1 already cordoned\n"
    assert await said(cluster, "taint node n1 a=b:NoSchedule") == "node/n1 tainted\n"
    assert await said(cluster, "uncordon n1") == "node/n1 uncordoned\n"
    assert "a=b:NoSchedule" in await said(cluster, "describe node n1")
    assert await said(cluster, "taint node n1 a-") == "node/n1 untainted\n"


async def test_drain_evicts_pods_but_not_those_without_controller_unasked(cluster: Kubectl) -> None:
    await said(cluster, "apply -f -", '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}')
    pod = POD.replace('"containers"', '"nodeName":"n1","terminationGracePeriodSeconds":0,"containers"')
    await said(cluster, "apply -f -", pod)
    refused = await cluster.ours("drain n1")
    assert refused.code == 1
    assert "cannot delete Pods that declare no controller (use --force to override): default/p" in refused.err
    forced = await cluster.ours("drain n1 --force")
    assert forced.code == 0 and forced.out.endswith("evicting pod default/p\npod/p evicted\nnode/n1 drained\n")
    assert (await cluster.ours("get pod p")).code == 1


async def test_secret_and_config_map_from_literals(cluster: Kubectl) -> None:
    await said(cluster, "create secret generic s --from-literal=a=b")
    await said(cluster, "create configmap c --from-literal=a=b --from-literal=c=d")
    assert await said(cluster, "get secret s -o jsonpath='{.data.a} {.type}'") == "Yg== Opaque"
    assert await said(cluster, "get cm c -o jsonpath='{.data}'") == '{"a":"b","c":"d"}'


async def test_dry_run_changes_nothing(cluster: Kubectl) -> None:
    assert await said(cluster, "create ns x --dry-run=client") == "namespace/x created (dry run)\n"
    assert await said(cluster, "create ns x --dry-run=server") == "namespace/x created (server dry run)\n"
    assert (await cluster.ours("get ns x")).code == 1


async def test_wait_ends_when_a_field_has_its_value(cluster: Kubectl) -> None:
    await said(cluster, "apply -f -", POD)
    waiting = asyncio.create_task(cluster.ours("wait --for=jsonpath='{.metadata.labels.done}'=yes pod/p --timeout=20s"))
    await cluster.stock("label pod p done=yes")
    assert (await waiting).out == "pod/p condition met\n"


@pytest.mark.parametrize(("arguments", "message"), [
    ("get pods -n", "error: Option '-n' requires an argument.\nSee 'kubectl get --help' for usage.\n"),
    ("frobnicate", 'error: unknown command "frobnicate" for "kubectl"\n'),
    ("get pod p -o nonsense", 'error: unable to match a printer suitable for the output format "nonsense"'),
])
async def test_wrong_command_lines_are_explained(cluster: Kubectl, arguments: str, message: str) -> None:
    result = await cluster.ours(arguments)
    assert result.code == 1
    assert result.err.startswith(message)


async def test_server_that_is_not_there_is_named(cluster: Kubectl) -> None:
    result = await cluster.ours("--server=http://127.0.0.1:9 get pods")
    assert (result.code, result.err) == (
        1, "The connection to the server 127.0.0.1:9 was refused - did you specify the right host or port?\n")
