"""Options of admission, under kube-apiserver's names.

Source: k8s.io/apiserver/pkg/server/options/admission.go, plugin/pkg/admission/defaulttolerationseconds
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..authentication.options import read_list, read_path


@dataclass(frozen=True, slots=True)
class AdmissionArgs:
    """The values; each has the name of its flag.

    Attributes:
        admission_control_config_file: the configurations of plugins.
    """

    admission_control_config_file: Path | None = None
    enable_admission_plugins: tuple[str, ...] = ()
    disable_admission_plugins: tuple[str, ...] = ()
    default_not_ready_toleration_seconds: int = 300
    default_unreachable_toleration_seconds: int = 300


READERS: dict[str, Callable[[str], Any]] = {
    "admission-control-config-file": read_path,
    "enable-admission-plugins": read_list,
    "disable-admission-plugins": read_list,
    "default-not-ready-toleration-seconds": int,
    "default-unreachable-toleration-seconds": int,
}
