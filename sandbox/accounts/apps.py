"""The app of signing in."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Signing in, signing out and making an account, on every surface."""

    name = "sandbox.accounts"
    label = "sandbox_accounts"
