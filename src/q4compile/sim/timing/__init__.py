"""How many cycles a program takes on a target, and why: docs/timing-model.md."""
