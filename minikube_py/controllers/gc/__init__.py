"""The garbage collector.

Source: pkg/controller/garbagecollector.
"""

from .controller import GarbageCollector as GarbageCollector
