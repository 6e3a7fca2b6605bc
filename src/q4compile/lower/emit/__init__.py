"""From phases with their layouts to words."""
