"""Links of every sort, right, wrong and hostile, drawn by hypothesis."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, quote_from_bytes

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from app.keys import FIELDS, bounds, kind
from app.lenses import LENSES
from app.links import Asked, write
from tests.app.experiments import asks
from tests.app.samples import COMPUTED, PAGES, SKETCHES
from tests.app.test_any_query import queries

EMBEDS = [f"/embed/{lens}" for lens in LENSES]
PATHS = [*COMPUTED, *PAGES, *EMBEDS, *SKETCHES]
AT_ONCE = 1000  # links of one run of hypothesis: it remembers them all
NUMERIC = [key for key in FIELDS if kind(key) in ("integer", "real")]


class Link(NamedTuple):
    """One link, and the sort that it is of."""

    kind: str
    path: str
    query: bytes

    @property
    def target(self) -> bytes:
        """What is asked for."""
        return self.path.encode() + b"?" + self.query

    def __str__(self) -> str:
        text = self.target.decode(errors="backslashreplace")
        return text if len(text) < 300 else f"{text[:300]}… ({len(text)} characters)"


def joined(pairs: list[tuple[str, str]]) -> bytes:
    """Pairs as a query; small unless they say otherwise."""
    given_keys = {key for key, _ in pairs}
    small = [part for part in ("T=9", "H=2") if part.split("=")[0] not in given_keys]
    return "&".join([*(f"{quote(key)}={quote(value)}" for key, value in pairs), *small]).encode()


def small(asked: Asked, T: int, H: int, D: int) -> bytes:
    """A valid link of small sizes."""
    experiment = asked.experiment.model_copy(update={"T": T, "H": H, "D": D})
    focus = asked.focus.model_copy(update={"vs_H": None})
    return write(experiment, focus, asked.view).encode()


def extreme(keys: list[str], ends: list[int], few: dict[str, str]) -> bytes:
    """A link with several knobs at their ends."""
    pairs = {
        key: f"{span[end]:g}" for key, end in zip(keys, ends, strict=False) if (span := bounds(key))
    }
    return "&".join(f"{key}={value}" for key, value in (pairs | few).items()).encode()


valid = st.builds(small, asks(), st.integers(1, 30), st.integers(1, 4), st.integers(3, 5))
of_knobs = queries.map(joined) | valid
quoted_bytes = st.binary(min_size=1, max_size=60).map(quote_from_bytes).map(str.encode)
# What would end the line, the address or its query is left out.
raw_bytes = st.binary(min_size=1, max_size=40).map(lambda text: text.translate(None, b"\r\n #\t"))
digits = st.sampled_from(["9", "1", "0.", "-", "1e", "٣", "%", "+", "00"])
huge = st.builds(
    lambda key, digit, times: f"{key}={quote(digit * times)}".encode(),
    st.sampled_from(NUMERIC),
    digits,
    st.sampled_from([20, 309, 4301, 15000]),
)
too_long = st.integers(15_900, 20_000).map(lambda length: b"signal=text&text=" + b"a" * length)
repeated = st.builds(
    lambda pairs, times: b"&".join([joined(pairs)] * times), queries, st.integers(2, 30)
)
at_the_ends = st.builds(
    extreme,
    st.lists(st.sampled_from([k for k in NUMERIC if k != "vs_H"]), unique=True, max_size=8),
    st.lists(st.integers(0, 1), min_size=8, max_size=8),
    st.fixed_dictionaries({"T": st.sampled_from(["1", "300"]), "H": st.sampled_from(["1", "9"])}),
)
# What the engine takes longest for, and what leaves float64 on the way.
dear = st.builds(
    lambda size, knobs: f"{size}&{knobs}".rstrip("&").encode(),
    st.sampled_from(["T=20000&H=1", "T=20000&H=4", "T=20000&H=24", "T=2000&H=96", "T=1900&H=256"]),
    st.sampled_from(
        [
            *("", "gain=10", "act=identity&rnn_gain=10", "amplitude=100&act=relu", "b_f=20"),
            *("cell=peephole&gain=10&amplitude=100", "cell=gru&b_f=-20", "vs_cell=mingru&vs_H=24"),
        ]
    ),
)
# One in a hundred is dear: a minute of work for twenty thousand links would be none of fuzzing.
hostile = st.integers(0, 49).flatmap(
    lambda chance: (
        dear
        if chance == 0
        else st.one_of(quoted_bytes, raw_bytes, huge, too_long, repeated, at_the_ends)
    )
)
links = st.one_of(
    st.builds(Link, st.just("of knobs"), st.sampled_from(PATHS), of_knobs),
    st.builds(Link, st.just("hostile"), st.sampled_from(PATHS), hostile),
)


def fuzzed(count: int, number: int) -> Iterator[Link]:
    """So many links; the same ones for the same number."""
    for start in range(0, count, AT_ONCE):
        yield from drawn(min(AT_ONCE, count - start), number * 10**6 + start)


def drawn(count: int, number: int) -> list[Link]:
    """So many links, of one run of hypothesis."""
    found: list[Link] = []

    @seed(number)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        derandomize=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(links)
    def take(link: Link) -> None:
        found.append(link)

    take()
    return found
