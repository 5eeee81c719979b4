"""How long work takes, learnt from the work that was done."""

Kind = tuple[str, str]  # of what, in which form

MEMORY = 0.9  # how much of what was learnt outlives one job
LEAST_S, LEAST_S_GUESSED, LEAST_S_MOST = 0.001, 0.02, 2.0
SLOWER, FASTER = 5.0, 0.3
SHORT_S, LONG_S = 0.02, 0.2  # which jobs tell the least, and which the pace


class Pace:
    """What the smallest jobs of a kind take, and how much faster or slower than expected the rest
    goes. They are learnt apart: what every answer takes says nothing of what each step takes."""

    def __init__(self) -> None:
        self.least_s: dict[Kind, float] = {}
        self.factor: dict[str, float] = {}  # seconds beyond that, per second expected

    def seconds(self, kind: Kind, expected_s: float) -> float:
        """How long a job is going to take of which `expected_s` were expected beyond the least."""
        least_s = self.least_s.get(kind, LEAST_S_GUESSED)
        return least_s + expected_s * self.factor.get(kind[0], 1.0)

    def learn(self, kind: Kind, expected_s: float, took_s: float) -> None:
        """Remember how long a job took."""
        least_s = self.least_s.get(kind, LEAST_S_GUESSED)
        if expected_s < SHORT_S:
            found = min(max(took_s, LEAST_S), LEAST_S_MOST)
            self.least_s[kind] = MEMORY * least_s + (1 - MEMORY) * found
        elif expected_s > LONG_S:
            found = min(max((took_s - least_s) / expected_s, FASTER), SLOWER)
            before = self.factor.get(kind[0], 1.0)
            self.factor[kind[0]] = MEMORY * before + (1 - MEMORY) * found
