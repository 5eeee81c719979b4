"""The page of claims: what stands on it is what programs are told, and links show a part of it."""

from typing import Any

from playwright.sync_api import Locator, expect

from app.claims.claim import Number
from app.claims.told import found_as
from tests.browser.lab import READ_WORDS, Lab


def told(lab: Lab) -> list[dict[str, Any]]:
    answer = lab.context.request.get(lab.server + "/api/claims")
    assert answer.ok
    rows: list[dict[str, Any]] = answer.json()["claims"]
    return rows


def cards(lab: Lab) -> Locator:
    return lab.page.locator("article.claim")


def test_the_numbers_of_a_card_are_those_that_programs_are_told(lab: Lab) -> None:
    lab.page.goto(lab.server + "/claims")
    rows = told(lab)
    for id in ("frameworks", "hundred-steps", "clipping-cures"):
        mine = [row for row in rows if row["id"] == id]
        card = lab.page.locator(f"#{id}")
        shown = card.locator("tbody td:nth-child(3)").all()
        assert [cell.evaluate(READ_WORDS) for cell in shown] == [
            found_as(
                Number(
                    row["quantity"],
                    row["value"],
                    row["expected"],
                    row["tolerance"],
                    row["unit"],
                    row["relation"],
                )
            )
            for row in mine
        ]
        expect(card.locator(".verdict")).to_contain_text(mine[0]["verdict"])


def test_a_link_shows_the_claims_of_one_verdict_and_another_all_again(lab: Lab) -> None:
    lab.page.goto(lab.server + "/claims")
    verdicts = {row["id"]: row["verdict"] for row in told(lab)}
    expect(cards(lab)).to_have_count(len(verdicts))
    for verdict in ("depends", "does not hold", "holds"):
        lab.page.locator(".filter a", has_text=verdict).click()
        wanted = [id for id, found in verdicts.items() if found == verdict]
        expect(cards(lab).filter(visible=True)).to_have_count(len(wanted))
        assert lab.address == "/claims"
        for group in lab.page.locator(".group").filter(visible=True).all():
            expect(group.locator("article, li").filter(visible=True).first).to_be_visible()
    lab.page.locator(".filter a", has_text="All").click()
    expect(cards(lab).filter(visible=True)).to_have_count(len(verdicts))


def test_a_link_to_one_claim_opens_on_it_and_its_own_link_into_the_lab(lab: Lab) -> None:
    lab.page.goto(lab.server + "/claims?v=1&b_f=3#hundred-steps")
    card = lab.page.locator("#hundred-steps")
    expect(card).to_be_in_viewport()
    expect(lab.page.locator("nav.lenses a", has_text="Highway")).to_have_attribute(
        "href", "/?v=1&b_f=3"
    )
    card.locator(".source a").click()
    lab.until("() => probe.drawn.length > 0")
    assert lab.address.startswith("/?v=1&T=99&")
