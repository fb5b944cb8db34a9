"""AdmissionConfiguration: one file with the configurations of all plugins, within it or in files of their own.

Owns which document is a plugin's; what is in it, the plugin knows.
Source: k8s.io/apiserver/pkg/admission/config.go, k8s.io/apiserver/pkg/apis/apiserver/v1/types.go
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minikube_py.apis.object import Object

from ..configuration import ConfigurationError, decode_configuration, parse_document, read_file, type_of_document

KIND = "AdmissionConfiguration"
GROUP_VERSIONS = ("apiserver.config.k8s.io/v1", "apiserver.k8s.io/v1alpha1")
# Plugins whose configuration once was the file itself, without a kind, and the name by which such a file is known.
LEGACY = {"imagePolicy": "ImagePolicyWebhook", "podNodeSelectorPluginConfig": "PodNodeSelector"}


class AdmissionPluginConfiguration(Object):
    """Where the configuration of one plugin is.

    Attributes:
        path: its file, relative to the one that this stands in.
        configuration: it itself; it goes before a path.
    """

    name: str = ""
    path: str = ""
    configuration: Any = None


class AdmissionConfiguration(Object):
    """The file."""

    kind: str = ""
    api_version: str = ""
    plugins: list[AdmissionPluginConfiguration] = []


class PluginConfigurations:
    """The documents of all plugins that have one, read at start."""

    def __init__(self, documents: dict[str, Any] | None = None) -> None:
        self._documents = documents or {}

    @classmethod
    def read(cls, path: Path | None) -> PluginConfigurations:
        """Those of the file of `--admission-control-config-file`; without a file there are none.

        Raises: ConfigurationError.
        """
        if path is None:
            return cls()
        document = parse_document(read_file(path, "admission control configuration"))
        if isinstance(document, dict) and type_of_document(document) == ("", "") and not LEGACY.keys().isdisjoint(document):
            return cls(dict.fromkeys(LEGACY.values(), document))
        plugins = decode_configuration(AdmissionConfiguration, document, KIND, GROUP_VERSIONS, strict=False).plugins
        documents: dict[str, Any] = {}
        for plugin in plugins:
            if plugin.name not in documents:  # As upstream, the first one counts.
                documents[plugin.name] = _document(plugin, path.parent)
        return cls(documents)

    def of(self, plugin: str) -> Any:
        """The plain document of a plugin, None if it has no configuration or an empty one."""
        return self._documents.get(plugin)


def _document(plugin: AdmissionPluginConfiguration, folder: Path) -> Any:
    if plugin.configuration is not None:
        return plugin.configuration
    if not plugin.path:
        return None
    path = folder / plugin.path
    text = read_file(path, f"the configuration of admission plugin {plugin.name}")
    try:
        return parse_document(text, strict=True)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
