"""The tenancy layer for Open edX: one installation, many organizations that never see each other."""

__version__ = "0.1.0"
