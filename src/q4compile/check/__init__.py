"""Gates on the figures of records: bounds, and tolerances against a baseline."""
