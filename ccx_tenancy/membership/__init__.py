"""Who belongs to which organization, with what role. The door of the room is :mod:`ccx_tenancy.membership.api`."""
