"""The DaemonSet controller.

Source: pkg/controller/daemon.
"""

from .controller import DaemonSetController as DaemonSetController
