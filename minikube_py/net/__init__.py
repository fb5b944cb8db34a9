"""The node's network: service proxy, pod network, overlay between nodes, cluster DNS.

Everything here acts on the network namespace that the process runs in and on nothing else. Kubernetes objects come in
through plain methods (`service_changed`, `slice_changed`, `node_changed`); who watches them is not this package's concern.
"""
