"""How fast to learn at each moment of a run."""

from math import cos, pi


def learning_rate(peak: float, warm_up: float, done: float) -> float:
    """peak * done / warm_up, then peak * (1 + cos(pi x)) / 2 with x from 0 to 1; done in [0, 1]."""
    if done < warm_up:
        return peak * done / warm_up
    return peak * (1 + cos(pi * (done - warm_up) / (1 - warm_up))) / 2
