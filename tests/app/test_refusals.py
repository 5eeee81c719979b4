"""Work in chunks that is too much: refused, and the link that is offered instead is not."""

import pytest

from app.budget import Budget
from app.errors import Problem
from app.links import read
from app.refusals import admit

SMALL = Budget(work_s=2.0)


@pytest.mark.parametrize(
    ("lens", "query"),
    [
        ("phase", "seeds=32&x_points=64&y_points=64&H=128&T=200"),
        ("phase", "x=T&x_to=20000&H=64"),
        ("phase", "x=T&x_from=19000&x_to=20000&y=H&y_from=200&y_to=256"),
        ("phase", f"signal=text&text={'ab' * 400}&H=64&seeds=32"),
        ("training", ""),
        ("training", "T=20000&H=1&batch=1&updates=1"),
        ("training", "T=1900&H=256&batch=256&task=copy"),
        ("highway", "H=128&T=1000&trained=20000"),
    ],
)
def test_what_is_offered_in_the_place_of_too_much_work_is_let_in(lens: str, query: str) -> None:
    with pytest.raises(Problem) as refused:
        admit(read(query.encode(), with_view=True), SMALL, lens)
    assert refused.value.status == 422 and "lower" in refused.value.detail
    assert refused.value.nearest is not None
    admit(read(refused.value.nearest.encode(), with_view=True), SMALL, lens)


def test_the_defaults_are_let_in_everywhere() -> None:
    for lens in ("phase", "training"):
        admit(read(b"", with_view=True), Budget(), lens)
