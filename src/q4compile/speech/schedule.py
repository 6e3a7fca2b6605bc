"""How fast to learn at each moment of a run."""

from math import cos, pi


def learning_rate(peak: float, warm_up: float, done: float, final: float = 0.0) -> float:
    """peak · done / warm_up, then peak · (final + (1 − final) · (1 + cos(π x)) / 2), x from 0 to 1.

    `done` is in [0, 1]; `final` is the share of the peak that is left at the end.
    """
    if done < warm_up:
        return peak * done / warm_up
    fall = (1 + cos(pi * (done - warm_up) / (1 - warm_up))) / 2
    return peak * (final + (1 - final) * fall)
