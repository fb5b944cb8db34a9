"""The Kubernetes types, their defaults and validation: pure, no I/O."""
