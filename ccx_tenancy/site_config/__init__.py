"""Site-aware configuration: JSON values of a site, with history, drafts, a schema of known keys and secrets."""
