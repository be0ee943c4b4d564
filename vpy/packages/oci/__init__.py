"""Environments as OCI images: in an image layout of this machine, or in a registry."""
