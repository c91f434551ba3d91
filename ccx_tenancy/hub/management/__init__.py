"""The commands of the hub."""
