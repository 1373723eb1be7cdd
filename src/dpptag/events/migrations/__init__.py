"""The numbered schema steps of ``events.sqlite3``; a step that has shipped is never edited."""
