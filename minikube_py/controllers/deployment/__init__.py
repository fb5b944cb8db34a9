"""The Deployment controller.

Source: pkg/controller/deployment.
"""

from .controller import DeploymentController as DeploymentController
