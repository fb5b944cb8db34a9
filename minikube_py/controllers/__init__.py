"""The reconcilers that make the cluster what its objects say: level-triggered, each on a work queue of its own."""
