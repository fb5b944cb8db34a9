"""The service proxy: Services and EndpointSlices become elements of a few nftables maps.

`endpoints` chooses, `model` says what the maps must hold, `ruleset` owns the fixed table, `sync` brings the kernel to it.
"""
