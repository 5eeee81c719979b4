"""What the training page says: true of every task, on every machine."""

import pytest

from app.knobs import Experiment
from app.lenses import training
from app.lenses.training.computed import Training
from app.links import Asked
from app.templating import templates, words
from app.view import Focus, View
from lstm_engine.tasks import draw_examples


def told(focus: Focus, T: int = 4) -> tuple[Training, dict[str, str]]:
    """A training, and the parts of its page."""
    experiment = Experiment(T=T, H=2)
    found = training.compute(experiment, focus)
    parts = words(
        "training",
        training.reading(found),
        training.numbers(found, View()),
        Asked(experiment, focus),
    )
    return found, parts


def test_a_knob_keeps_its_capital() -> None:
    found, parts = told(Focus(batch=2, updates=1), T=1)
    said = "Adding problem needs at least 2 steps: T is taken as 2."
    assert training.reading(found).warnings == (said,)
    assert said in parts["warnings"]


@pytest.mark.parametrize("task", ["adding", "copy", "order", "text"])
def test_nothing_is_called_unseen_that_was_trained_on(task: str) -> None:
    focus = Focus(task=task, words="abcab", batch=2, updates=1)
    names = [row["name"] for row in training.numbers(told(focus)[0], View())["rows"]]
    own = "other draws of the same text" if task == "text" else "fresh draws, never trained on"
    assert [name for name in names if "draws" in name] == [f"Loss on {own}"]


def test_a_text_has_too_few_windows_to_hold_any_back() -> None:
    """Why its page does not say that some were never trained on."""
    drawn = [draw_examples("text", n, 8, 4, text="abcab").x for n in range(1, 21)]
    seen = {window.tobytes() for batch in drawn for window in batch}
    shown = draw_examples("text", 0, 1, 4, text="abcab").x[0]
    assert len(seen) == 5 and shown.tobytes() in seen


def test_the_page_says_once_that_processors_round_differently() -> None:
    _, parts = told(Focus(batch=2, updates=1))
    assert parts["numbers"].count("on the same kind of processor") == 1
    _, begun = told_nothing()
    assert "processor" not in begun["numbers"]


def told_nothing() -> tuple[Training, dict[str, str]]:
    """A training of which nothing is known, and the parts of its page."""
    experiment, focus = Experiment(T=4, H=2), Focus(batch=2, updates=1)
    found = training.known(experiment, focus)
    numbers = training.numbers(found, View())
    return found, words("training", training.reading(found), numbers, Asked(experiment, focus))


def test_prose_promises_nothing_that_holds_on_one_processor_alone() -> None:
    source, _, _ = templates.loader.get_source(templates, "training.html")  # type: ignore[union-attr]
    assert "never trained on" not in source and "nobody is trained on" not in source
    assert "nearly every one" not in source
