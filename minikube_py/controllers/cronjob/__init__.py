"""The CronJob controller.

Source: pkg/controller/cronjob.
"""

from .controller import CronJobController as CronJobController
