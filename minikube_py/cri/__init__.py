"""The way to the container runtime: CRI and, beyond it, containerd's own interface."""

import os

# Children are started by exec; gRPC's fork handlers would only complain about them. Read by gRPC when it is first imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
