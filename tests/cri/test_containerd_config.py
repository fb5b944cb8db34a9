"""The configuration that containerd is started with."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from minikube_py.cri.containerd import DEFAULT_DATA_DIR, default_run_dir
from minikube_py.cri.containerd_config import ContainerdConfig

CONFIG = ContainerdConfig(
    root=Path("/data/root"),
    state=Path("/run/state"),
    socket=Path('/run/it\'s "odd".sock'),
    pause_image="example/pause:1",
    cni_bin_dir=Path("/opt/cni/bin"),
    cni_conf_dir=Path("/data/cni"),
    registry_dir=Path("/data/certs.d"),
    snapshotter="overlayfs",
    may_lower_oom_score=True,
)


def test_paths_arrive_as_they_were_given() -> None:
    parsed = tomllib.loads(CONFIG.render())
    cri = parsed["plugins"]["io.containerd.grpc.v1.cri"]
    assert (parsed["version"], parsed["root"], parsed["state"]) == (2, "/data/root", "/run/state")
    assert parsed["grpc"] == {"address": '/run/it\'s "odd".sock'}
    assert cri["sandbox_image"] == "example/pause:1"
    assert cri["cni"] == {"bin_dir": "/opt/cni/bin", "conf_dir": "/data/cni"}
    assert cri["registry"] == {"config_path": "/data/certs.d"}


def test_nothing_listens_but_on_loopback() -> None:
    cri = tomllib.loads(CONFIG.render())["plugins"]["io.containerd.grpc.v1.cri"]
    assert (cri["stream_server_address"], cri["disable_tcp_service"]) == ("127.0.0.1", True)


def test_network_namespaces_lie_with_what_runs() -> None:
    assert tomllib.loads(CONFIG.render())["plugins"]["io.containerd.grpc.v1.cri"]["netns_mounts_under_state_dir"] is True


def test_without_the_right_to_lower_the_oom_score_none_is_lowered() -> None:
    may, may_not = (tomllib.loads(replace(CONFIG, may_lower_oom_score=may).render()) for may in (True, False))
    assert (may["oom_score"], may["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"]) == (-999, False)
    assert (may_not["oom_score"], may_not["plugins"]["io.containerd.grpc.v1.cri"]["restrict_oom_score_adj"]) == (0, True)


def test_the_snapshotter_in_use_is_not_disabled() -> None:
    for used, unused in (("overlayfs", "native"), ("native", "overlayfs")):
        parsed = tomllib.loads(replace(CONFIG, snapshotter=used).render())
        assert parsed["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["snapshotter"] == used
        assert f"io.containerd.snapshotter.v1.{used}" not in parsed["disabled_plugins"]
        assert f"io.containerd.snapshotter.v1.{unused}" in parsed["disabled_plugins"]


def test_every_data_directory_has_a_run_directory_of_its_own(tmp_path: Path) -> None:
    assert default_run_dir(DEFAULT_DATA_DIR) == Path("/run/minikube-py/containerd")
    others = {default_run_dir(tmp_path / name) for name in ("one", "two")}
    assert len(others | {default_run_dir(DEFAULT_DATA_DIR)}) == 3
    assert all(len(str(path)) < 60 for path in others)
