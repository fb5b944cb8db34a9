"""The pause program: the first process of every pod sandbox, which holds the pod's namespaces open.

`pause-amd64` and `pause-arm64` are its executables; tools/build_pause.py holds its source.
"""
