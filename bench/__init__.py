"""Measurements: the program under load on this machine, against its targets and Kubernetes."""
