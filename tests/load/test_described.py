"""What /openapi.json says holds at every border of every key."""

from tests.load.described import cases


def test_an_address_answers_as_described_at_every_border(server: str) -> None:
    # A script costs no work of the engine; every key is read and refused as everywhere.
    made, passed, told = cases(server, ["/api/code/highway_torch.py"], "--phases", "coverage")
    assert passed, told
    assert made > 300
