"""What is asked of a network, example by example, and that nothing else decides about a draw."""

import numpy as np
import pytest

from lstm_engine.tasks import TASKS, Examples, draw_examples, task_of

TEXT = "so long as men can breathe or eyes can see"
every_task = pytest.mark.parametrize("name", TASKS)


def drawn(name: str, T: int, size: int = 200, n: int = 1, seed: int = 0) -> Examples:
    return draw_examples(name, n, size, T, seed=seed, text=TEXT)


def shown(examples: Examples) -> np.ndarray:
    """Which input is on at each step; exactly one is, and it is 1."""
    x = examples.x
    np.testing.assert_array_equal(np.sort(x, axis=-1)[..., :-1], 0.0)
    np.testing.assert_array_equal(x.max(axis=-1), 1.0)
    return x.argmax(axis=-1)


@every_task
@pytest.mark.parametrize("more", [0, 1, 96])
def test_examples_have_the_shapes_that_the_task_names(name: str, more: int) -> None:
    task = TASKS[name]
    T = task.least + more
    x, target = drawn(name, T, size=7)
    D, outputs = task.sizes(TEXT)
    assert x.shape == (7, task.steps(T), D) and x.dtype == np.float64
    assert target.shape == (7, task.steps_read(T))
    assert task.steps(T) == T + 20 * (name == "copy")
    if task.labels:
        assert target.dtype == np.int64 and target.min() >= 0 and target.max() < outputs


@every_task
def test_a_batch_is_that_of_its_seed_and_its_number(name: str) -> None:
    x, target = drawn(name, 20, n=3, seed=5)
    for again in (drawn(name, 20, n=3, seed=5), (x, target)):
        np.testing.assert_array_equal(again[0], x)
        np.testing.assert_array_equal(again[1], target)
    for other in (drawn(name, 20, n=4, seed=5), drawn(name, 20, n=3, seed=6)):
        assert (other.x != x).any() and (other.target != target).any()


@pytest.mark.parametrize("T", [2, 3, 10, 101])
def test_adding_asks_for_the_sum_of_a_marked_number_in_each_half(T: int) -> None:
    x, target = drawn("adding", T, size=800)
    values, marks = x[..., 0], x[..., 1]
    assert ((values >= 0) & (values < 1)).all() and set(np.unique(marks)) <= {0.0, 1.0}
    for half in (marks[:, : T // 2], marks[:, T // 2 :]):
        np.testing.assert_array_equal(half.sum(axis=1), 1.0)
        assert half.any(axis=0).all()  # any step of it may be marked
    np.testing.assert_allclose(target[:, 0], (values * marks).sum(axis=1), rtol=1e-15)


@pytest.mark.parametrize("T", [1, 2, 30])
def test_copying_asks_for_ten_symbols_after_T_steps_and_a_sign(T: int) -> None:
    examples = drawn("copy", T)
    symbols = shown(examples)
    assert set(np.unique(symbols[:, :10])) == set(range(8))
    assert (symbols[:, T + 9] == 9).all()
    assert (np.delete(symbols, T + 9, axis=1)[:, 10:] == 8).all()
    np.testing.assert_array_equal(examples.target[:, T + 10 :], symbols[:, :10])
    assert (examples.target[:, : T + 10] == 8).all()


@pytest.mark.parametrize("T", [4, 5, 9, 10, 11, 50, 103])
def test_order_asks_which_symbols_came_and_which_first(T: int) -> None:
    examples = drawn("order", T, size=500)
    symbols = shown(examples)
    assert (symbols[:, 0] == 6).all() and (symbols[:, -1] == 7).all()
    asked = (symbols == 4) | (symbols == 5)
    np.testing.assert_array_equal(asked.sum(axis=1), 2)
    which = symbols[asked].reshape(-1, 2) - 4  # 0 is X, 1 is Y
    np.testing.assert_array_equal(examples.target[:, 0], 2 * which[:, 0] + which[:, 1])
    assert set(examples.target.ravel()) == {0, 1, 2, 3}
    assert (np.delete(symbols, [0, T - 1], axis=1) < 6).all()


def test_in_a_sequence_of_a_hundred_the_symbols_stand_where_the_paper_puts_them() -> None:
    symbols = shown(drawn("order", 100, size=2000))
    places = np.argwhere((symbols == 4) | (symbols == 5))[:, 1].reshape(-1, 2) + 1
    assert places[:, 0].min() == 10 and places[:, 0].max() == 20
    assert places[:, 1].min() == 50 and places[:, 1].max() == 60


@pytest.mark.parametrize("T", [1, 5, 41, 42, 300])
def test_text_asks_for_the_next_letter_also_beyond_its_end(T: int) -> None:
    examples = drawn("text", T)
    alphabet = np.array(sorted(set(TEXT)))
    before, after = alphabet[shown(examples)], alphabet[examples.target]
    np.testing.assert_array_equal(before[:, 1:], after[:, :-1])
    rings = (TEXT * 10)[: 2 * len(TEXT) + T]
    for one, last in zip(before, after[:, -1], strict=True):
        assert "".join([*one, last]) in rings
    assert {"".join(one[:1]) for one in before} == set(TEXT)


def test_guessing_loses_what_the_best_constant_answer_loses() -> None:
    """Over many examples: the mean of the sum, each class alike, letters by their frequency."""
    target = drawn("adding", 50, size=20000).target
    assert np.var(target) == pytest.approx(TASKS["adding"].guessing(50, ""), rel=0.03)
    assert TASKS["order"].guessing(50, "") == np.log(4)
    assert TASKS["copy"].guessing(100, "") == pytest.approx(10 * np.log(8) / 120, rel=1e-15)
    counts = np.bincount(drawn("text", 30, size=2000).target.ravel()) / 60000
    entropy = -np.sum(counts * np.log(counts))
    assert TASKS["text"].guessing(30, TEXT) == pytest.approx(entropy, rel=1e-3)
    assert TASKS["text"].guessing(30, "abab") == pytest.approx(np.log(2), rel=1e-15)


@every_task
def test_too_few_steps_are_refused_with_the_least(name: str) -> None:
    least = TASKS[name].least
    with pytest.raises(ValueError, match=f"the {name} task needs at least {least} steps"):
        drawn(name, least - 1)


def test_what_cannot_be_learnt_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed are adding, copy, order, text"):
        task_of("xor", 10)
    for text in ("", "a", "aaaa"):
        with pytest.raises(ValueError, match="two different characters"):
            task_of("text", 10, text)


FROZEN = {
    "adding": [0.9565861210064742],
    "copy": [0, 5, 5, 2, 4, 4, 7, 4, 1, 4],
    "order": [3],
    "text": [0, 10, 11, 0, 4, 14, 4, 12, 0, 3],
}


@every_task
def test_a_draw_is_frozen(name: str) -> None:
    target = drawn(name, 10, size=1).target[0]
    np.testing.assert_allclose(target[-len(FROZEN[name]) :], FROZEN[name], rtol=1e-14)
