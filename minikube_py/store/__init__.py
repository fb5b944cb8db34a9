"""Where objects live: memory serves, a driver remembers. Knows bytes and revisions, no Kind."""
