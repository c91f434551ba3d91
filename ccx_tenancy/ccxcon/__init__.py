"""The LMS side of the CCX marketplace: courses go out to connectors, orders of CCXs come in."""
