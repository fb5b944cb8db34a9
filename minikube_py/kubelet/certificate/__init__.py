"""A node's certificates while it runs: renewed before they end, and when its names change."""

from .rotation import CertificateRotation, Signed
from .rotations import KubeletCertificates

__all__ = ["CertificateRotation", "KubeletCertificates", "Signed"]
