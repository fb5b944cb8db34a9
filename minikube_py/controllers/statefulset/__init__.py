"""The StatefulSet controller.

Source: pkg/controller/statefulset.
"""

from .controller import StatefulSetController as StatefulSetController
