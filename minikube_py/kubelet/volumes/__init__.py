"""Volumes of pods: what lies under a pod's directory and how it gets there."""
