"""The scheduler: gives each pending pod the node that suits it best.

`queue` holds the pods that wait, `cache` what every node has left, `algorithm` finds the node, `plugins` say what fits and what is
better, `scheduler` joins them with the API.
"""
