"""Who may have an account where. The interface is :class:`ccx_tenancy.ports.AccountPolicy`."""
