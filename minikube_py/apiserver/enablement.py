"""Which of the built-in group-versions and resources are served: all, less what `--runtime-config` turns off.

What is turned off is gone for clients: from discovery, OpenAPI and the paths. Components in this process go on with it.

Source: k8s.io/apiserver/pkg/server/resourceconfig/helpers.go, pkg/server/options/api_enablement.go
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from minikube_py.apis.resources import GROUPS, RESOURCES, VERSION_PRIORITIES, GroupVersionResource
from minikube_py.apis.syntax import quote
from minikube_py.core.flags import parse_bool

_GA, _BETA, _ALPHA = re.compile(r"v\d+"), re.compile(r"v\d+beta\d+"), re.compile(r"v\d+alpha\d+")
# In the order in which they count.
_CLASSES = {"api/all": re.compile(""), "api/ga": _GA, "api/beta": _BETA, "api/alpha": _ALPHA}
Pairs = Sequence[tuple[str, str]]


class Enablement:
    """What is served.

    Args:
        pairs: keys and values of `--runtime-config`; of a key that is there twice the last one counts.

    Attributes:
        disabled: group, version and plural of what is not served.
        group_versions: those of which something is served, in the order of discovery.
        groups: theirs.
    """

    def __init__(self, pairs: Pairs = ()) -> None:
        """Raises: ValueError in upstream's words."""
        config = dict(pairs)
        _check_keys(config)
        versions = dict.fromkeys(VERSION_PRIORITIES, True)
        for name, pattern in _CLASSES.items():
            if name in config:
                wanted = _of_class(name, config[name])
                versions |= {key: wanted for key in versions if name == "api/all" or pattern.fullmatch(key[1])}
        resources: dict[GroupVersionResource, bool] = {}
        for key, value in config.items():
            if key in _CLASSES:
                continue
            group, version, *rest = key.split("/")
            wanted = _read(key, value)
            if (group, version) not in versions:
                _check_unknown(group, version, wanted)
            elif not rest:
                versions[group, version] = wanted
            elif rest[0] != rest[0].lower():
                raise ValueError(
                    f"invalid key {key}: group/version/resource and resource is always lowercase plural, not {quote(rest[0])}")
            else:
                resources[group, version, rest[0]] = wanted
        self.disabled = frozenset(
            each.gvr for each in RESOURCES if not resources.get(each.gvr, versions[each.group, each.version]))
        served = dict.fromkeys((each.group, each.version) for each in RESOURCES if each.gvr not in self.disabled)
        self.group_versions: tuple[tuple[str, str], ...] = tuple(served)
        self.groups = frozenset(group for group, _ in served)

    def serves(self, group: str, version: str, plural: str) -> bool:
        """Whether a resource is served, as far as it is up to this."""
        return (group, version, plural) not in self.disabled


def read_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """The value of the flag. Source: k8s.io/component-base/cli/flag/configuration_map.go"""
    found = []
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        found.append((key.strip(), value.strip()))
    return tuple(found)


def _check_keys(config: dict[str, str]) -> None:
    if config == {"api/all": "false"}:
        raise ValueError("invalid key with only api/all=false")
    groups = []
    for key in config:
        if key not in _CLASSES:
            parts = key.split("/")
            if len(parts) not in (2, 3):
                raise ValueError(f"runtime-config invalid key {key}")
            groups.append(parts[0])
    unknown = [group for group in groups if group not in _REGISTERED]
    if unknown:
        raise ValueError(f"unknown api groups {','.join(unknown)}")


def _of_class(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError(f"invalid value {name}={value}")
    return value == "true"


def _read(key: str, value: str) -> bool:
    try:
        return not value or parse_bool(value)
    except ValueError as error:
        raise ValueError(f"invalid value of {key}: {value}, err: strconv.ParseBool: parsing {quote(value)}: invalid syntax") from error


def _check_unknown(group: str, version: str, wanted: bool) -> None:
    """Refuse a version that cannot be served. Upstream knows more than this server, all of them off unless asked for."""
    if wanted or not (_BETA.fullmatch(version) or _ALPHA.fullmatch(version)):
        raise ValueError(f"group version {group}/{version} that has not been registered")


# Those of which upstream has versions that are off unless asked for, too.
_REGISTERED = frozenset({*GROUPS, "internal.apiserver.k8s.io", "storagemigration.k8s.io", "imagepolicy.k8s.io"})

ALL = Enablement()
