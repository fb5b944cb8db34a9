"""Controllers of nodes: their health and taints, eviction by taint, and their pod address ranges."""
