"""UHF modules on serial ports: one framing engine, one protocol file a family, one reader over all of them."""
