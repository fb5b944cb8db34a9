"""The life of CertificateSigningRequests: approved where rules allow it, signed by the cluster's signers, and cleaned up."""
