"""What was computed once is told again as it was."""

import asyncio

import pytest

from tests.load.cached import KINDS, by_our_own, unsteady


@pytest.mark.parametrize("headers", [(), ("Accept-Encoding: gzip",)], ids=["plain", "gzip"])
def test_a_kept_answer_is_the_first_one_byte_for_byte(
    server: str, headers: tuple[str, ...]
) -> None:
    links = [link for links in KINDS.values() for link in links if link != "/"]
    assert asyncio.run(unsteady(server, links, *headers)) == []


def test_sixty_four_connections_are_told_what_is_kept(server: str) -> None:
    rate = by_our_own(server, KINDS["numbers"], 1)
    assert rate.a_second > 0
    assert rate.broken == 0
