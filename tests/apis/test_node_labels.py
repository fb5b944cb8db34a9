from __future__ import annotations

import click
import pytest

from minikube_py.apis.node_labels import may_label
from minikube_py.cli.options import parse_labels


@pytest.mark.parametrize(("key", "allowed"), [
    ("x", True), ("example.com/x", True), ("kubernetes.io/hostname", True), ("kubernetes.io/role", False), ("k8s.io/x", False),
    ("topology.kubernetes.io/zone", True), ("topology.kubernetes.io/rack", False), ("node-role.kubernetes.io/x", False),
    ("node.kubernetes.io/x", True), ("a.node.kubernetes.io/x", True), ("kubelet.kubernetes.io/x", True), ("mykubernetes.io/x", True),
    ("node-restriction.kubernetes.io/x", False), ("a.node-restriction.kubernetes.io/x", False),
])
def test_nodes_label_themselves_outside_of_kubernetes_domains(key: str, allowed: bool) -> None:
    assert may_label(key) is allowed
    if allowed:
        assert parse_labels((f"{key}=v",)) == {key: "v"}
    else:
        with pytest.raises(click.BadParameter, match="is for administrators"):
            parse_labels((f"{key}=v",))
