"""The phase lens: its numbers, its stages, what it says and draws, whole and in part."""

import asyncio
import csv
import io
import json
import math
import pickle
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from app.axes import NAMES, SPANS
from app.drawing import picture, plot
from app.drawing.figure import Curves, KnobAxis, Map
from app.forms import Telling, as_csv, as_json, as_npz
from app.knobs import Experiment
from app.lenses import gates, highway, horizon, phase
from app.lenses.phase import batches
from app.lenses.phase.computed import Kept, Phase, quantiles
from app.lenses.phase.grid import PART, Grid, grid_of, places
from app.lenses.phase.quantities import QUANTITIES
from app.lenses.phase.runs import expected_s, run
from app.links import Asked, plain, read
from app.networks import networks
from app.stages import LEAST_CHUNK_S, Alone, Call, Progress
from app.templating import templates, words
from app.view import Focus, View
from lstm_engine import CELLS, LeftFloat64, Rnn, chaos
from lstm_engine.spectrum import lyapunov_exponents

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"T": 12, "H": 4, "D": 2}
FEW: dict[str, Any] = {"x_points": 5, "y_points": 4, "seeds": 3}


def asked(knobs: dict[str, Any] | None = None, **focus: Any) -> tuple[Experiment, Focus]:
    return Experiment(**SMALL | (knobs or {})).in_force(), Focus(**FEW | focus)


def found(knobs: dict[str, Any] | None = None, **focus: Any) -> Phase:
    return phase.compute(*asked(knobs, **focus))


def at(one: Phase, iy: int, ix: int, n: int) -> Experiment:
    """The experiment of a point."""
    sides = zip(one.grid.sides, (ix, iy), strict=False)
    own = {side.key: side.values[place] for side, place in sides}
    return one.experiment.model_copy(update=own | {"seed": one.grid.seeds[n]}).in_force()


def lone(quantity: str, experiment: Experiment, back: int | None) -> float:
    """What other lenses tell of it."""
    t = experiment.T - min(back or experiment.T, experiment.T)
    if quantity in ("direct", "exact", "share", "rnn"):
        its = highway.compute(experiment, Focus())
        curves = {"direct": its.cell.direct_rms, "exact": its.cell.exact_rms}
        return float((curves | {"share": its.cell.share, "rnn": its.rnn.exact_rms})[quantity][t])
    if quantity == "horizon":
        return float(np.median(horizon.compute(experiment, Focus()).horizons["1e-3"]))
    if quantity == "gate":
        return float(gates.compute(experiment, Focus()).step.keep.mean())
    weights, _, x = networks(experiment)
    cell = CELLS[experiment.cell]
    exponents, _ = lyapunov_exponents(cell, cell.forward(weights, x), weights, 1)
    return float(exponents[0])


async def collected(steps: AsyncIterator[Progress]) -> list[Progress]:
    return [progress async for progress in steps]


def progresses(one: Experiment, focus: Focus, kept: Kept | None = None) -> list[Progress]:
    return asyncio.run(collected(run(one, focus, Alone(), kept)))


class Unruly:
    """Five at a time, each answering when it likes."""

    width = 5

    def __init__(self, seed: int) -> None:
        self.random, self.calls, self.under_way, self.most = np.random.default_rng(seed), 0, 0, 0

    async def do(self, call: Call, expected_s: float) -> Any:
        assert expected_s > 0
        function, arguments = pickle.loads(pickle.dumps(call))
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        for _ in range(int(self.random.integers(1, 40))):
            await asyncio.sleep(0)
        self.under_way -= 1
        return pickle.loads(pickle.dumps(function(*arguments)))


# Numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", NAMES)
@pytest.mark.parametrize("cell", ["lstm", "gru", "minlstm", "lstm-1997"])
def test_a_point_is_what_the_other_lenses_tell_of_its_experiment(cell: str, quantity: str) -> None:
    one = found({"cell": cell, "seed": 4294967295}, quantity=quantity, x="b_i", y="amplitude")
    assert one.whole
    for iy, ix, n in ((0, 0, 0), (1, 4, 1), (3, 2, 2), (2, 0, 0)):
        expected = lone(quantity, at(one, iy, ix, n), None)
        np.testing.assert_allclose(
            one.values[quantity][iy, ix, n], expected, rtol=1e-9, atol=1e-9, equal_nan=True
        )


@pytest.mark.parametrize("x, y", [("T", "H"), ("D", "chrono"), ("H", "gain"), ("rnn_gain", "D")])
@pytest.mark.parametrize("quantity", ["share", "rnn"])
def test_shapes_may_change_from_point_to_point(quantity: str, x: str, y: str) -> None:
    one = found({"init": "pytorch"}, quantity=quantity, x=x, y=y, back=7, seeds=2)
    for iy, ix, n in ((0, 0, 0), (-1, -1, 1), (1, 2, 1)):
        expected = lone(quantity, at(one, iy, ix, n), 7)
        assert one.values[quantity][iy, ix, n] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("chrono", [0, 40])
@pytest.mark.parametrize("init", ["keras", "pytorch", "normal"])
@pytest.mark.parametrize("cell", CELLS)
def test_weights_of_a_chunk_are_those_of_the_experiments(cell: str, init: str, chrono: int) -> None:
    knobs = {"cell": cell, "init": init, "chrono": chrono, "b_i": 0.3, "b_g": -1.7, "b_o": 2.0}
    one = Experiment(**SMALL | knobs).in_force()
    own = [{"b_f": b, "gain": g, "seed": s} for b, g, s in ((0.7, 0.0, 3), (-2.9, 1.3, 3))]
    rows = [one.model_dump() | row | one.unused() for row in own]
    drawn = batches.Drawn(one)
    for name in ("exact", "rnn"):
        _, weights = drawn.networks(name, rows)
        for n, row in enumerate(own):
            alone = networks(one.model_copy(update=row).in_force())
            theirs = alone.rnn if name == "rnn" else alone.cell
            for ours, its in zip(weights, theirs, strict=True):
                assert (ours is None) == (its is None)
                if ours is not None:
                    np.testing.assert_array_equal(ours[n], its)
    np.testing.assert_array_equal(
        drawn.inputs(rows)[1], networks(one.model_copy(update=own[1])).inputs
    )


def test_without_recurrent_weights_the_carry_is_all_there_is() -> None:
    share, exact, direct = (found(quantity=q, y_to=1.5) for q in ("share", "exact", "direct"))
    assert share.grid.y is not None and share.grid.y.values[0] == 0
    np.testing.assert_array_equal(share.values["share"][0], 1.0)
    np.testing.assert_array_equal(exact.values["exact"][0], direct.values["direct"][0])
    assert (share.values["share"][1:] < 1).all()


def test_the_direct_path_of_a_gate_that_sees_its_bias_alone_is_known_in_closed_form() -> None:
    one = found({"signal": "zeros", "gain": 0.0}, quantity="direct", y="T", y_from=5, y_to=40)
    assert one.grid.y is not None
    b, T = np.meshgrid(one.grid.x.values, one.grid.y.values)
    expected = -T * np.log1p(np.exp(-b)) / math.log(10)
    for which in one.quartiles["direct"]:
        np.testing.assert_allclose(which, expected, rtol=1e-12)


def test_states_that_leave_float64_have_no_number_and_disturb_no_other() -> None:
    knobs = {"act": "identity", "T": 800, "H": 3}
    one = found(knobs, quantity="rnn", x="rnn_gain", x_to=10, y="amplitude", y_from=1)
    missing = np.isnan(one.values["rnn"])
    assert 0 < missing.sum() < missing.size and one.left == missing.sum()
    for iy, ix, n in ((0, 0, 0), (0, 4, 0), (3, 1, 2)):
        if missing[iy, ix, n]:
            with pytest.raises(LeftFloat64):
                lone("rnn", at(one, iy, ix, n), None)
        else:
            assert one.values["rnn"][iy, ix, n] == pytest.approx(
                lone("rnn", at(one, iy, ix, n), None)
            )
    assert any("leave float64" in warning for warning in phase.reading(one).warnings)
    names = [line.name for line in phase.figure(one, View()).panels[0].lines]
    assert "states leave float64" in names


def test_quantiles_are_numpys_wherever_numpy_can() -> None:
    values = np.random.default_rng(0).standard_normal((3, 4, 7))
    values[0, 1, 2:] = np.nan
    values[2, 3] = np.nan
    ours = quantiles(values, (0.25, 0.5, 0.75))
    for share, its in zip((25, 50, 75), ours, strict=True):
        for place in np.ndindex(3, 4):
            there = values[place][~np.isnan(values[place])]
            expected = np.percentile(there, share) if len(there) else np.nan
            np.testing.assert_allclose(its[place], expected, rtol=1e-14)


def test_quantiles_of_zeros_are_zeros_logarithms() -> None:
    inf = math.inf
    found = quantiles(
        np.array([[-inf, -inf, 1.0, 2.0], [-inf] * 4, [1.0, inf, inf, inf]]), (0.25, 0.5)
    )
    np.testing.assert_array_equal(found, [[-inf, -inf, inf], [-inf, -inf, inf]])


# Chaos -------------------------------------------------------------------------------------------

WILD: dict[str, Any] = {"H": 16, "T": 120, "init": "normal", "b_f": 5.0, "act": "tanh"}


@pytest.mark.parametrize("quantity, network", [("share", "cell"), ("rnn", "rnn")])
def test_what_grows_in_a_map_is_what_the_highway_lens_finds(quantity: str, network: str) -> None:
    gain = "gain" if network == "cell" else "rnn_gain"
    one = found(WILD, quantity=quantity, x="amplitude", x_to=0.5, y=gain, y_to=10, seeds=2)
    assert len(one.looked) == len(one.grid.looked) > 0
    chaotic = set(one.chaotic.tolist())
    for row in one.looked.tolist():
        iy, ix, n = map(int, np.unravel_index(row, one.grid.worked))
        its = highway.compute(at(one, iy, ix, n), Focus())
        title = (CELLS["lstm"] if network == "cell" else Rnn("tanh")).TITLE
        theirs = its.amplification[title]
        ours = one.kept.values[row, -1]
        # In chaos the two may differ by as much as rounding does.
        assert ours == theirs or ours == pytest.approx(theirs, abs=1.0)
        assert (row in chaotic) == chaos.is_chaotic(theirs, 120)
    assert 0 < len(chaotic) < len(one.looked)


def test_curves_look_at_both_networks() -> None:
    focus: dict[str, Any] = {"quantity": "exact", "x": "amplitude", "x_to": 0.5, "x_from": 0.25}
    calm = found(WILD, y="none", **focus)
    wild = found(WILD | {"rnn_gain": 10.0}, y="none", **focus)
    assert not len(calm.chaotic) and len(wild.chaotic)


def test_a_map_tells_where_it_is_chaotic() -> None:
    one = found(WILD, quantity="share", y_to=10)
    (warning,) = phase.reading(one).warnings
    assert f"Of 4 experiments in which chaos was looked for, {len(one.chaotic)} are" in warning
    assert "with b_f from −2 to 8 and gain = 10: there rounding" in warning
    assert phase.answer(one)["chaos"] == {"looked": 4, "chaotic": len(one.chaotic)}
    idle = found(WILD | {"rnn_gain": 10.0}, quantity="rnn", x="b_f", y="gain")
    assert "1 is chaotic: there rounding" in phase.reading(idle).warnings[-1]
    (fact,) = [fact for fact in phase.reading(one).facts if "chaotic" in fact.label]
    assert fact.value == len(one.chaotic) == 2 and fact.unit == "of 4 looked at"


def test_states_that_part_for_a_while_are_not_called_chaotic() -> None:
    """The cell fills: 0.01 over a hundred steps, a sixth of that over two thousand."""
    knobs = {"T": 100, "H": 16, "b_f": 5.0}
    one = found(knobs, quantity="lyapunov", x_from=5, x_to=8, y_from=0.5, y_to=1)
    assert (one.median > 0).mean() > 0.5 and not len(one.chaotic)
    headline, facts, warnings = (getattr(phase.reading(one), p) for p in READING)
    assert headline.startswith("All over this map two nearby states part, ")
    assert " None of the 4 experiments in which chaos was looked for is chaotic: " in headline
    assert not warnings
    assert [fact.value for fact in facts if "chaotic" in fact.label] == [0.0]
    assert [level.legend for level in QUANTITIES["lyapunov"].levels] == ["0: above, states part"]
    together = found(knobs, quantity="lyapunov", x_to=0)
    assert "chao" not in phase.reading(together).headline


READING = ("headline", "facts", "warnings")


@pytest.mark.parametrize("lens", ["phase", "spectrum"])
def test_prose_calls_no_exponent_above_zero_chaotic(lens: str) -> None:
    assert templates.loader is not None
    source = templates.loader.get_source(templates, f"{lens}.html")[0]
    assert "chaotic" not in source and "edge of chaos" not in source


def test_where_nobody_has_looked_yet_nothing_is_said_of_chaos() -> None:
    nothing = phase.known(*asked(WILD, y_to=10))
    assert not any("chao" in fact.label for fact in phase.reading(nothing).facts)
    assert phase.answer(nothing)["chaos"] == {"looked": 0, "chaotic": 0}


@pytest.mark.parametrize("quantity", NAMES)
def test_looking_for_chaos_is_cheap_and_goes_from_edge_to_edge(quantity: str) -> None:
    for focus in ({}, {"y": "none"}, {"seeds": 1}, {"x": "T", "y": "H"}, {"x_points": 64}):
        grid = grid_of(Experiment(), Focus(**{"quantity": quantity, **focus}))
        iy, ix, n = np.unravel_index(grid.looked, grid.worked)
        ny, nx, _ = grid.worked
        assert {0, nx - 1} <= set(ix.tolist()) and {0, ny - 1} <= set(iy.tolist())
        assert not n.any() and len(set(grid.looked.tolist())) == len(grid.looked)
        sizes = grid.sizes.reshape(-1, 3)[grid.looked // grid.axes.seeds].tolist()
        cost = 2 * sum(batches.row_s("direct", *size, 0) for size in sizes)
        corners = 4 if ny > 1 and nx > 1 else 2
        assert cost <= 0.01 * expected_s(grid.experiment, grid.axes) or len(sizes) <= corners
    assert len(grid_of(Experiment(), Focus()).looked) == 25


# Axes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", SPANS)
def test_every_knob_has_values_that_links_can_carry(knob: str) -> None:
    other = "b_f" if knob != "b_f" else "gain"
    for scale in ("linear", "log"):
        low = {"x_from": 1.0} if SPANS[knob].low <= 0 and scale == "log" else {}
        if knob == "chrono":
            low = {}
        side = grid_of(*asked(x=knob, y=other, x_scale=scale, x_points=40, **low)).x
        assert list(side.values) == sorted(set(side.values)) and len(side.values) > 10
        for value in side.values:
            assert (
                getattr(read(f"{knob}={plain(value)}".encode(), with_view=False).experiment, knob)
                == value
            )
            assert len(plain(value)) <= 8
        span = Focus(x=knob, y=other, x_scale=scale, **low).span("x")
        assert (side.values[0], side.values[-1]) == (span.low, span.high)


def test_axes_are_spaced_as_the_link_says() -> None:
    even = grid_of(*asked(x="amplitude", x_from=0, x_to=1, x_points=6)).x.values
    assert even == (0, 0.2, 0.4, 0.6, 0.8, 1)
    log = grid_of(*asked(x="amplitude", x_from=0.01, x_to=100, x_scale="log", x_points=5)).x.values
    np.testing.assert_allclose(log, [0.01, 0.1, 1, 10, 100], rtol=1e-3)
    assert grid_of(*asked(x="H", x_from=2, x_to=5, x_points=64)).x.values == (2, 3, 4, 5)
    fine = grid_of(*asked(x="b_f", x_from=1, x_to=1.0000001, x_points=5)).x.values
    assert len(fine) == 5


def test_a_signal_with_markers_has_no_fewer_inputs_than_it_needs() -> None:
    one = found({"signal": "copy", "D": 4}, x="D", x_from=1, x_to=6, x_points=6)
    assert one.grid.x.values == (3, 4, 5, 6) and one.left == 0


@pytest.mark.parametrize(
    "knobs, focus, words",
    [
        ({"signal": "text", "text": "highway"}, {"x": "T"}, "sets T = 7"),
        ({"signal": "series"}, {"x": "D"}, "sets D = 1"),
        ({"cell": "mingru"}, {"y": "gain"}, "Along gain nothing changes"),
        ({}, {"x": "rnn_gain"}, "Along rnn_gain nothing changes"),
        ({}, {"quantity": "rnn"}, "Along b_f nothing changes"),
    ],
)
def test_an_idle_knob_is_worked_out_once_and_said_to_be_idle(
    knobs: dict[str, Any], focus: dict[str, Any], words: str
) -> None:
    one = found(knobs, **focus)
    assert np.prod(one.grid.worked) < np.prod(one.grid.shape)
    assert one.counts.shape == one.grid.shape[:2] and (one.counts == 3).all()
    assert any(words in warning for warning in phase.reading(one).warnings)
    assert (np.ptp(one.median, axis=1 if one.grid.x.idle else 0) == 0).all()


# Stages ------------------------------------------------------------------------------------------

DEAR = {"T": 600, "H": 24, "D": 2}
LINKS = [
    asked(),
    asked(DEAR, x_points=17, y_points=9),
    asked(DEAR, x="T", y="H", x_points=20, y_points=20, seeds=5),
    asked({"H": 256, "T": 2000}, x_points=64, y_points=33),
    asked(DEAR, y="none", quantity="exact", x_points=64),
    asked({"cell": "gru"}, x="H", y="chrono", seeds=1),
]


@pytest.mark.parametrize("link", LINKS)
def test_every_run_belongs_to_exactly_one_stage(link: tuple[Experiment, Focus]) -> None:
    grid = grid_of(*link)
    every = np.concatenate(grid.stages)
    assert sorted(every.tolist()) == list(range(int(np.prod(grid.worked))))
    total = grid.expected_s(every).sum()
    assert total == pytest.approx(expected_s(*link))
    costs = [grid.expected_s(rows).sum() for rows in grid.stages]
    dearest = grid.row_s.max() * grid.axes.seeds
    assert max(costs) <= max(1.5 * PART * total, 1.5 * LEAST_CHUNK_S) + 2 * dearest
    again = Grid(*link, grid.x, grid.y)
    for ours, theirs in zip(grid.stages, again.stages, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_first_stage_is_cheap_where_that_is_possible() -> None:
    for knobs in ({}, {"H": 16, "T": 1000}, {"H": 64}):
        grid = grid_of(Experiment(**knobs), Focus(x_points=64, y_points=64, seeds=32))
        first = grid.stages[0]
        assert len(first) >= 9 and grid.expected_s(first).sum() < 0.3


def test_a_finer_lattice_has_the_places_of_a_coarser_one() -> None:
    for count in range(1, 65):
        for stride in (1, 2, 4, 8, 16, 32):
            coarse, fine = places(count, 2 * stride), places(count, stride)
            assert set(coarse.tolist()) <= set(fine.tolist())
            assert len(fine) and (stride > 1 or len(fine) == count)


@pytest.mark.slow
def test_chunks_that_answer_in_any_order_bring_the_same_bits() -> None:
    one, focus = asked(DEAR, x_points=9, y_points=9, seeds=2)
    calm = progresses(one, focus)
    stages = {progress.stage: progress.found for progress in calm}
    for seed in range(3):
        engine = Unruly(seed)
        wild = asyncio.run(collected(run(one, focus, engine)))
        assert engine.most == engine.width and engine.calls == len(wild)
        assert wild[-1].share == 1.0 and wild[-1].found.whole
        for progress in wild:
            if progress.stage in stages:
                theirs = stages[progress.stage].kept
                np.testing.assert_array_equal(progress.found.kept.known, theirs.known)
                np.testing.assert_array_equal(progress.found.kept.values, theirs.values)
    shares = [progress.share for progress in calm]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_stage_tells_its_own_points_and_no_others() -> None:
    one, focus = asked(DEAR, x_points=9, y_points=9)
    grid = grid_of(one, focus)
    for progress in asyncio.run(collected(run(one, focus, Unruly(7)))):
        rows = np.concatenate([np.zeros(0, int), *grid.stages[: progress.stage]])
        known = np.zeros(int(np.prod(grid.worked)), dtype=bool)
        known[rows] = True
        np.testing.assert_array_equal(progress.found.kept.known, known)
        assert np.isnan(progress.found.kept.values[~known]).all()
        assert (progress.kept.known | ~known).all()


@pytest.mark.slow
def test_a_run_goes_on_where_another_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    one, focus = asked(DEAR, x_points=7, y_points=7)
    every = progresses(one, focus)
    worked: list[int] = []
    real = batches.values
    monkeypatch.setattr(
        "app.lenses.phase.runs.values", lambda *a: worked.append(len(a[3])) or real(*a)
    )
    for progress in every[:: max(1, len(every) // 5)]:
        worked.clear()
        kept = pickle.loads(pickle.dumps(progress.kept))
        again = progresses(one, focus, kept)
        assert sum(worked) == (~progress.kept.known).sum()
        np.testing.assert_array_equal(again[-1].kept.values, every[-1].kept.values)
        assert again[-1].found.whole and again[0].stage >= progress.stage


def test_what_is_known_already_is_told_without_work() -> None:
    one, focus = asked()
    kept = progresses(one, focus)[-1].kept
    again = progresses(one, focus, kept)
    assert len(again) == 1 and again[0].share == 1.0 and again[0].found.whole


def test_a_run_that_nobody_waits_for_leaves_nothing_under_way() -> None:
    async def broken_off() -> int:
        engine = Unruly(0)
        steps = run(*asked(DEAR, x_points=9, y_points=9), engine)
        await anext(steps)
        await steps.aclose()
        before = engine.calls
        await asyncio.sleep(0.01)
        assert engine.calls == before
        return len(asyncio.all_tasks())

    assert asyncio.run(broken_off()) == 1


def test_a_chunk_that_fails_ends_the_run() -> None:
    class Broken(Unruly):
        async def do(self, call: Call, expected_s: float) -> Any:
            if self.calls > 3:
                raise RuntimeError("lost")
            return await super().do(call, expected_s)

    with pytest.raises(RuntimeError, match="lost"):
        asyncio.run(collected(run(*asked(DEAR, x_points=9, y_points=9), Broken(0))))


# Words and pictures ------------------------------------------------------------------------------


def every_part(one: Experiment, focus: Focus) -> list[Phase]:
    """Nothing, the first stages, all."""
    told = [progress.found for progress in progresses(one, focus)]
    return [phase.known(one, focus), told[0], told[len(told) // 2], told[-1]]


@pytest.mark.parametrize("quantity", NAMES)
@pytest.mark.parametrize("y", ["gain", "none", "T"])
@pytest.mark.slow
def test_parts_of_a_map_are_told_and_drawn(quantity: str, y: str) -> None:
    one, focus = asked({"H": 3}, quantity=quantity, y=y)
    for part in every_part(one, focus):
        telling = Telling("phase", part, Asked(one, focus))
        told, rows = json.loads(as_json(telling)), as_csv(telling).decode().splitlines()
        assert len(rows) == 1 + int(part.known.sum())
        assert np.load(io.BytesIO(as_npz(telling)))["median"].shape == part.counts.shape
        np.testing.assert_array_equal(told["seeds_computed"], part.counts)
        nothing = part.counts == 0
        assert np.equal(np.array(told["median"], dtype=object)[nothing], None).all()
        reading = phase.reading(part)
        assert part.whole != ("being worked out" in reading.headline)
        assert (
            phase.numbers(part, View())["every"] == part.known.size
            or part.grid.x.idle
            or y != "none"
        )
        for floor in ("-12", "-300"):
            figure = phase.figure(part, View(floor=floor))
            for width in figure.sheets:
                assert picture.png(figure, width, 1.0)
            assert plot.page_figure(figure)["data"]
            assert picture.svg(figure, "wide")


def test_the_table_has_a_line_for_every_run() -> None:
    one = found(quantity="direct")
    lines = list(csv.DictReader(phase.table(one)))
    assert len(lines) == one.known.size
    for line in lines[::7]:
        ix = [plain(v) for v in one.grid.x.values].index(line["x"])
        iy = [plain(v) for v in one.grid.y.values].index(line["y"])
        n = one.grid.seeds.index(int(line["seed"]))
        assert float(line["value"]) == one.values["direct"][iy, ix, n]


def test_a_curve_of_survival_comes_with_its_rivals() -> None:
    one = found(quantity="exact", y="none")
    told = phase.answer(one)
    assert told["median"].shape == (1, 5) and {"direct", "rnn"} <= told.keys()
    (panel,) = phase.figure(one, View()).panels
    assert isinstance(panel, Curves)
    assert {"exact", "direct", "RNN", "one half"} <= {line.name for line in panel.lines}
    lines = {line.name: line for line in panel.lines}
    np.testing.assert_array_equal(lines["direct"].values, one.quartiles["direct"][1][0])


def test_a_map_says_which_knobs_its_cells_open() -> None:
    drawn = plot.page_figure(phase.figure(found(x="T", y="b_f", x_points=3), View()))
    maps = [trace for trace in drawn["data"] if trace["type"] == "heatmap"]
    assert [trace["meta"]["opens"] for trace in maps] == [{"x": "T", "y": "b_f"}] * 2
    axis = drawn["axes"][maps[0]["meta"]["x"]]
    assert axis == {"kind": "knob", "name": "T", "values": ("10", "55", "300")}
    assert len(maps[0]["meta"]["said"]) == 4 and "quartiles" in maps[0]["meta"]["said"][0][0]
    over = [trace for trace in drawn["data"] if trace["type"] == "scatter"]
    assert over and all(trace["hoverinfo"] == "skip" for trace in over)
    curve = plot.page_figure(phase.figure(found(y="none"), View()))["data"][0]
    assert curve["meta"]["opens"] == {"x": "b_f", "y": None}


def test_the_line_of_one_half_lies_where_the_closed_form_has_it() -> None:
    """Of a gate that sees its bias alone: b = logit(½^(1/T))."""
    knobs = {"signal": "zeros", "gain": 0.0}
    focus = {"quantity": "direct", "y": "T", "y_from": 10, "y_to": 80, "x_from": 1, "x_to": 7}
    one = found(knobs, x_points=60, y_points=12, seeds=1, **focus)
    panel = phase.figure(one, View()).panels[0]
    assert isinstance(panel, Map)
    for name, kept in (("one half", 0.5), ("10⁻³", 1e-3)):
        (line,) = [line for line in panel.lines if line.name == name and line.named]
        assert line.at is not None
        there = np.isfinite(line.at)
        f = kept ** (1 / line.values[there])
        np.testing.assert_allclose(line.at[there], np.log(f / (1 - f)), atol=0.03)


def test_the_reading_says_from_where_on_the_carry_holds() -> None:
    knobs = {"signal": "zeros", "gain": 0.0}
    one = found(knobs, quantity="direct", y="T", y_from=10, y_to=20, x_from=0, x_to=6, x_points=13)
    headline = phase.reading(one).headline
    assert "at T = 10 and 13 from b_f = 3 on, at T = 20 from b_f = 3.5 on" in headline
    everywhere = phase.reading(found({"cell": "lstm-1997"}, quantity="direct", x="b_i")).headline
    assert everywhere.startswith("All over this map the carry alone keeps at least half")
    nowhere = phase.reading(found(quantity="direct", x_to=-1)).headline
    assert nowhere.startswith("Nowhere on this map")


def test_a_link_opens_the_experiment_at_the_edge_of_where_a_level_is_reached() -> None:
    one = found(quantity="direct")
    above = np.zeros((4, 5), dtype=bool)
    above[0, 2:], above[1, :3], above[2, [0, 4]] = True, True, True
    opened = [phase.opened(one, row, above) for row in range(4)]
    x, y = (side.values for side in one.grid.sides)
    assert opened == [*({"b_f": x[n], "gain": y[row]} for row, n in enumerate((2, 2, 0))), None]


def test_a_map_is_of_networks_as_they_are_drawn_and_says_so() -> None:
    one = found({"signal": "zeros", "gain": 0.0}, quantity="direct", y_to=0.5, x_to=8)
    for trained in (None, 7):
        link = Asked(one.experiment, one.focus.model_copy(update={"trained": trained}))
        parts = words("phase", phase.reading(one), phase.numbers(one, View()), link)
        assert 'href="/?' in parts["numbers"] and "trained" not in parts["numbers"]
        said = "Maps are of networks as they are drawn, not of those that have learnt."
        assert (said in parts["reading"]) == (trained is not None)


def test_a_block_of_one_colour_stands_for_what_is_not_there_yet() -> None:
    one, focus = asked(DEAR, x_points=9, y_points=9)
    coarse = progresses(one, focus)[0].found
    assert 0 < (coarse.counts > 0).sum() < coarse.counts.size
    panel = phase.figure(coarse, View()).panels[0]
    assert isinstance(panel, Map)
    assert np.isfinite(panel.values).all()
    assert panel.said[0].count("not there yet") > 0
    iy, ix = np.argwhere(coarse.counts > 0)[0]
    assert panel.said[iy][ix] != "not there yet"


def test_the_dot_of_this_experiment_is_there_if_it_lies_on_the_map() -> None:
    def names(**focus: Any) -> set[str]:
        panel = phase.figure(found(**focus), View()).panels[0]
        return {line.name for line in panel.lines}

    assert "this experiment" in names()
    assert "this experiment" not in names(x_from=2)


def test_knobs_as_axes_have_cells_around_their_values() -> None:
    log = KnobAxis("T", "T", np.array([1.0, 10.0, 100.0]), ("1", "10", "100"), "log")
    np.testing.assert_allclose(log.edges(), 10.0 ** np.array([-0.5, 0.5, 1.5, 2.5]))
    np.testing.assert_allclose(log.place(log.values), [1 / 6, 1 / 2, 5 / 6])
    assert [label for _, label in log.ticks(400)] == ["1", "10", "100"]
    even = KnobAxis("b_f", "b_f", np.array([-1.0, 0.0, 2.0]), ("-1", "0", "2"))
    np.testing.assert_allclose(even.edges(), [-1.5, -0.5, 1.0, 3.0])
    lone_value = KnobAxis("D", "D", np.array([3.0]), ("3",))
    assert lone_value.span() == (2.5, 3.5) and lone_value.ticks(100) == [(3.0, "3")]


def test_the_rnn_has_its_own_map() -> None:
    one = found({"act": "relu"}, quantity="rnn", x="rnn_gain", y="amplitude")
    assert one.grid.worked == one.grid.shape and Rnn("relu")
    assert "vanilla RNN" in phase.reading(one).headline
