"""The EndpointSlice controller.

Source: pkg/controller/endpointslice, staging/src/k8s.io/endpointslice.
"""

from .controller import EndpointSliceController as EndpointSliceController
