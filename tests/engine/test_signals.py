"""Each signal is what its name says."""

import numpy as np
import pytest

from lstm_engine import SIGNALS, draw_inputs


def draw(signal: str, T: int = 50, D: int = 4, **knobs) -> np.ndarray:
    return draw_inputs(signal, T, D, **{"text": "abcab", "series": [1.0, 2.0, 4.0], **knobs})


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_is_finite_float64_and_scaled_by_amplitude(signal: str) -> None:
    x = draw(signal)
    assert x.dtype == np.float64 and x.ndim == 2 and np.isfinite(x).all()
    np.testing.assert_allclose(draw(signal, amplitude=3.0), 3 * x)
    assert not draw(signal, amplitude=0.0).any()


def test_noise_is_standard_normal_and_a_longer_one_continues_it() -> None:
    long = draw("noise", T=5000)
    assert abs(long.mean()) < 0.03 and long.std() == pytest.approx(1, abs=0.03)
    np.testing.assert_array_equal(draw("noise", T=33), long[:33])
    assert (draw("noise", seed=1) != draw("noise", seed=2)).all()


def test_noise_is_that_of_the_first_release() -> None:
    drawn = draw("noise", T=3, D=2, seed=7)
    np.testing.assert_allclose(
        drawn[[0, 2], [0, 1]], [1.2334044252685612, -0.5521562313736459], rtol=1e-12
    )


def test_zeros_constant_and_impulse() -> None:
    assert not draw("zeros").any()
    assert (draw("constant") == 1).all()
    impulse = draw("impulse")
    assert (impulse[0] == 1).all() and not impulse[1:].any()


def test_sine_has_period_25_and_spreads_its_phases() -> None:
    x = draw("sine", T=60, D=4)
    np.testing.assert_allclose(x[25:50], x[:25], rtol=0, atol=1e-13)
    np.testing.assert_allclose(x[0], [0, 1, 0, -1], rtol=0, atol=1e-15)
    assert x[1, 0] == pytest.approx(np.sin(2 * np.pi / 25))


@pytest.mark.parametrize("T", [2, 3, 17, 200])
def test_adding_marks_one_step_in_each_half(T: int) -> None:
    for seed in range(20):
        x = draw("adding", T=T, seed=seed)
        assert ((x[:, 0] >= 0) & (x[:, 0] < 1)).all()
        assert x[: T // 2, 1].sum() == 1 and x[T // 2 :, 1].sum() == 1
        assert set(np.unique(x[:, 1])) <= {0.0, 1.0} and not x[:, 2:].any()


def test_adding_at_one_step_has_one_marker() -> None:
    assert draw("adding", T=1)[0, 1] == 1


def test_adding_continues_its_numbers() -> None:
    np.testing.assert_array_equal(draw("adding", T=20)[:, 0], draw("adding", T=40)[:20, 0])


@pytest.mark.parametrize(("T", "S"), [(3, 1), (10, 3), (30, 10), (200, 10)])
def test_copy_shows_symbols_blanks_one_delimiter_and_blanks(T: int, S: int) -> None:
    D = 12
    x = draw("copy", T=T, D=D)
    assert (x.sum(axis=1) == 1).all()
    assert x[:S, :8].sum() == S
    assert x[T - S - 1, 9] == 1 and x[:, 9].sum() == 1
    assert x[T - S :, 8].all() and not x[:, 10:].any()


@pytest.mark.parametrize("T", [1, 2])
def test_copy_has_no_room_for_a_delimiter_below_three_steps(T: int) -> None:
    x = draw("copy", T=T, D=3)
    assert x[0, 0] == 1 and not x[:, 2].any()


@pytest.mark.parametrize(("signal", "D"), [("adding", 1), ("copy", 2)])
def test_too_few_inputs_are_refused_with_the_reason(signal: str, D: int) -> None:
    with pytest.raises(ValueError, match=f"D of at least {D + 1}"):
        draw(signal, D=D)


def test_text_is_a_step_a_code_point_and_equal_ones_are_equal() -> None:
    x = draw("text", text="a𝄞ba")
    assert x.shape == (4, 4)
    np.testing.assert_array_equal(x[0], x[3])
    assert len({tuple(row) for row in x}) == 3
    np.testing.assert_array_equal(draw("text", text="ba")[1], x[0])
    assert (draw("text", text="a", seed=9) != x[0]).all()
    decomposed = draw("text", text="e\u0301")  # not normalised: two code points
    assert len(decomposed) == 2


def test_series_is_standardised() -> None:
    x = draw("series", series=[1, 1, 2, 3, 5, 8])
    assert x.shape == (6, 1)
    assert x.mean() == pytest.approx(0, abs=1e-15) and x.std() == pytest.approx(1)
    assert not draw("series", series=[0.1, 0.1, 0.1]).any()


def test_features_are_standardised_each_by_itself() -> None:
    rows = [[1.0, 7.0, -3e5], [2.0, 7.0, 1e5], [6.0, 7.0, 4e5]]
    x = draw("series", series=rows)
    # Deviations from the means 3, 7, 2e5/3 over the population's standard deviations.
    np.testing.assert_allclose(x[:, 0], np.array([-2, -1, 3]) / np.sqrt(14 / 3), rtol=1e-14)
    assert not x[:, 1].any()
    third = np.array([-11e5, 1e5, 10e5]) / 3
    np.testing.assert_allclose(x[:, 2], third / np.sqrt((third**2).mean()), rtol=1e-14)


def test_a_series_may_stay_as_it_is() -> None:
    np.testing.assert_array_equal(
        draw("series", series=[3.0, -1e5], standardize=False, amplitude=2.0), [[6.0], [-2e5]]
    )
    rows = [[1.0, 2.0], [3.0, 5e300]]
    np.testing.assert_array_equal(draw("series", series=rows, standardize=False), rows)


@pytest.mark.parametrize(
    "series", [[1e308, -1e308], [5e-324, 0.0], [1e308, 1e308, 9e307], [1.0, 1.0 + 2**-52], [3, 3]]
)
def test_series_at_the_ends_of_float64_still_comes_out_standard(series: list[float]) -> None:
    x = draw("series", series=series)
    assert np.isfinite(x).all()
    assert x.std() == pytest.approx(0 if len(set(series)) == 1 else 1)


@pytest.mark.parametrize(
    ("signal", "knobs", "named"),
    [
        ("square", {}, "signal"),
        ("text", {"text": ""}, "text"),
        ("series", {"series": []}, "series"),
        ("series", {"series": [1.0, float("nan")]}, "finite"),
        ("series", {"series": [[1.0, 2.0], [3.0]]}, "equal length"),
        ("series", {"series": [[[1.0]], [[2.0]]]}, "finite"),
    ],
)
def test_wrong_signal_is_refused(signal: str, knobs: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        draw(signal, **knobs)
