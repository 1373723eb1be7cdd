"""Who may sign for what: issuers, keys, scopes; signing and verification of statements."""
