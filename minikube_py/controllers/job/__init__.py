"""The Job controller.

Source: pkg/controller/job.
"""

from .controller import JobController as JobController
