"""How often a buffer is there: one is in use while the next one is loaded, or stored."""

SLOTS = 2


def slots_for(fold: int) -> int:
    """Slots that come round with every row of `fold` frames."""
    return SLOTS if fold == 1 or fold % SLOTS == 0 else fold
