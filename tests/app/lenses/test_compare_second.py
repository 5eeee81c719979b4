"""The second experiment: what makes it another one, in words, and the links around it."""

import pytest

from app.knobs import Experiment
from app.lenses.compare import second
from app.lenses.compare.second import AS_IN_A, Difference
from app.links import Asked, read
from app.templating import linker
from app.view import COMPARED, Focus
from tests.app.samples import SAMPLES

TEXT = {"signal": "text", "text": "to be or not"}


def compared(first: dict[str, object], **own: object) -> tuple[Experiment, Experiment, Focus]:
    a, focus = Experiment(**first).in_force(), Focus(**{f"vs_{k}": v for k, v in own.items()})
    return a, focus.second(a), focus


def followed(first: Experiment, changes: second.Changes, focus: Focus | None = None) -> Asked:
    """Where the link with these changes leads."""
    link = linker("compare", Asked(first, focus or Focus()))(**changes)
    return read(link.partition("?")[2].encode(), with_view=True)


def test_what_differs_is_told_with_both_values() -> None:
    a, b, focus = compared({}, b_f=-5.0, cell="gru")
    assert second.differences(a, b, focus) == (
        Difference("cell", "Gated cell", "LSTM", "GRU"),
        Difference("b_f", "Update gate b_f", "1", "−5"),
    )
    assert second.idle(a, b, focus) == ()


def test_a_knob_that_is_as_in_a_or_without_effect_is_no_difference() -> None:
    a, b, focus = compared({}, b_f=1.0, cell="lstm-1997", gain=1.0)
    assert [told.key for told in second.differences(a, b, focus)] == ["cell"]
    assert [(told.key, told.b) for told in second.idle(a, b, focus)] == [
        ("b_f", second.NO_EFFECT),
        ("gain", "1"),
    ]


def test_a_knob_that_only_b_has_a_use_for_is_a_difference() -> None:
    a, b, focus = compared({"cell": "lstm-1997"}, cell="lstm", b_f=5.0)
    told = second.differences(a, b, focus)[1]
    assert (told.a, told.b) == (second.NO_EFFECT, "5")
    assert second.in_place_of((told,)) == "With b_f = 5"


def test_the_two_gains_have_two_names() -> None:
    a, b, focus = compared({}, gain=2.0, rnn_gain=2.0)
    assert len({told.label for told in second.differences(a, b, focus)}) == 2


def in_words(first: dict[str, object], **own: object) -> str:
    a, b, focus = compared(first, **own)
    return second.in_place_of(second.differences(a, b, focus))


def test_a_sentence_begins_with_what_differs() -> None:
    assert in_words({}, b_f=5.0) == "With b_f = 5 in the place of 1"
    assert in_words({}, cell="gru") == "With a GRU in the place of an LSTM"
    assert in_words({}, seed=3) == "With seed 3 in the place of seed 0"
    two = "With b_f = 5 in the place of 1 and gain = 0 in the place of 1"
    assert in_words({}, b_f=5.0, gain=0.0) == two
    assert in_words({}, b_f=5.0, gain=0.0, seed=1) == "With 3 knobs changed"


@pytest.mark.parametrize("query", SAMPLES.values(), ids=SAMPLES)
def test_every_offer_is_another_experiment_and_leads_to_it_whatever_b_was(query: str) -> None:
    a = read(query.encode(), with_view=False).experiment
    all_set = Focus(**{f"vs_{k}": getattr(a, k) for k in COMPARED if k != "signal"})
    offers = [offer for several in second.offers(a).values() for offer in several]
    assert len(offers) >= 8
    assert len({str(offer.changes) for offer in offers}) == len(offers)
    for offer in offers:
        there = followed(a, offer.changes, all_set)
        assert there.experiment == a
        b = there.focus.second(a)
        assert b != a
        assert second.differences(a, b, there.focus)
        assert not second.idle(a, b, there.focus)


def test_an_offer_of_one_thing_changes_one_thing() -> None:
    for cell in ("lstm", "gru", "mingru"):
        a = Experiment(cell=cell).in_force()
        for offer in second.offers(a)["One thing changed"]:
            changed = {key for key, value in offer.changes.items() if value is not None}
            assert len(changed) == 1
    names = [offer.name for offer in second.offers(Experiment(cell="gru"))["One thing changed"]]
    assert names[0] == "Update bias 5"
    assert "No recurrence" not in [
        o.name for o in second.offers(Experiment(gain=0.0))["One thing changed"]
    ]


@pytest.mark.parametrize(
    "own",
    [{"b_f": 5.0}, {"cell": "lstm-1997"}, {"cell": "gru", "H": 5, "seed": 9}, {"signal": "sine"}],
)
def test_swapping_a_and_b_twice_is_where_one_was(own: dict[str, object]) -> None:
    a, b, focus = compared({"b_f": 3.0, "T": 20, "init": "pytorch"}, **own)
    swapped = second.swapped(a, b)
    assert swapped is not None
    there = followed(a, swapped, focus)
    assert there.experiment == b
    assert there.focus.second(there.experiment) == a
    again = second.swapped(b, a)
    assert again is not None
    back = followed(b, again, there.focus)
    assert (back.experiment, back.focus.second(back.experiment)) == (a, b)


def test_ones_own_text_cannot_be_bs_alone_so_there_is_nothing_to_swap() -> None:
    a, b, _ = compared(TEXT, signal="noise")
    assert b.T == a.T == len("to be or not")
    assert second.swapped(a, b) is None
    kept, other, _ = compared(TEXT, b_f=5.0)
    assert second.swapped(kept, other) is not None


def test_the_experiment_made_of_b_is_b_alone() -> None:
    for first in ({"T": 30}, TEXT):
        a, b, focus = compared(first, signal="sine", cell="gru", b_f=2.0)
        there = followed(a, second.adopted(b), focus)
        assert there == Asked(b)


def test_as_in_a_is_every_key_of_b() -> None:
    assert set(AS_IN_A) == {key for key in Focus.model_fields if key.startswith("vs_")}
