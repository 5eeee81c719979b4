"""Links as mail programs, chats, newsletters, Markdown and spreadsheets leave them.

Written without the repairs: each function does to a whole link what such a program does, and none
knows what the server makes of it. A link is the query behind the question mark.
"""

import html
import re
import textwrap
from collections.abc import Callable
from random import Random
from urllib.parse import quote

Mangle = Callable[[str, Random], str]

ENDS = [
    ")",
    ").",
    ",",
    ".",
    ";",
    "!",
    "?",
    '"',
    "'",
    ">",
    "]",
    "”",
    "’",
    "»",
    "…",
    "**",
    "_",
    "`",
    " ",
]
PAIRS = [("<", ">"), ("(", ")"), ('"', '"'), ("“", "”"), ("[", "]"), ("**", "**"), ("«", "»")]
TRACKERS = [
    "utm_source=news%20letter&utm_medium=email",
    "fbclid=IwAR0_x-y",
    "gclid=EAIaIQ",
    "mc_cid=9f&mc_eid=UNIQID",
    "_hsenc=p2ANqtz&_hsmi=7",
    "utm-source=x",
    "ref=chat",
    "twclid=2",
    "hsCtaTracking=1%7C2",
    "_ga=2.1.3",
]
UNSEEN = ["\u200b", "\u200d", "\u00ad", "\ufeff", "\u2060", "\u200e"]


def escaped_for_html(link: str, random: Random) -> str:
    return html.escape(link)


def escaped_twice(link: str, random: Random) -> str:
    return html.escape(html.escape(link))


def escaped_by_number(link: str, random: Random) -> str:
    return link.replace("&", random.choice(["%26%2338;", "&amp;", "%26%23x26%3B", "%26amp%3B"]))


def quoted_printable(link: str, random: Random) -> str:
    """As RFC 2045 has it: = is =3D, lines are at most so long and end with =."""
    width = random.randint(12, 40)
    encoded = link.replace("=", "=3D")
    lines, line = [], ""
    for piece in re.findall("=3D|.", encoded):
        if len(line + piece) > width:
            lines.append(line)
            line = ""
        line += piece
    return random.choice(["=\r\n", "=\n"]).join([*lines, line])


def markdown(link: str, random: Random) -> str:
    return re.sub(r"([_*~])", r"\\\1", link)


def markdown_of_everything(link: str, random: Random) -> str:
    return re.sub(r"([_*.!()+-])", r"\\\1", link)


def in_brackets(link: str, random: Random) -> str:
    """The address before the link takes the first of the two, unless it was pasted with it."""
    before, after = random.choice(PAIRS)
    return random.choice([link + after, before + link + after])


def end_of_sentence(link: str, random: Random) -> str:
    return link + random.choice(ENDS)


def smart_punctuation(link: str, random: Random) -> str:
    return re.sub(r"(?<==)-|(?<=e)-", random.choice("−–—‑"), link) + random.choice(["", "”", "…"])


def wrapped(link: str, random: Random) -> str:
    at = random.randrange(1, len(link))
    return link[:at] + random.choice(["\n", "\r\n", "\r\n  ", " \n"]) + link[at:]


def wrapped_often(link: str, random: Random) -> str:
    return "\r\n".join(textwrap.wrap(link, random.randint(8, 30), break_on_hyphens=False))


def a_space_in_it(link: str, random: Random) -> str:
    at = random.randrange(1, len(link))
    return link[:at] + random.choice([" ", "\u00a0", "\t"]) + link[at:]


def tracked(link: str, random: Random) -> str:
    return f"{link}{random.choice(['&', '?', '&amp;'])}{random.choice(TRACKERS)}"


def tracked_first(link: str, random: Random) -> str:
    return f"{random.choice(TRACKERS)}&{link}"


def decimal_commas(link: str, random: Random) -> str:
    return re.sub(r"(?<=\d)\.(?=\d)", ",", link)


def as_a_spreadsheet_shows(link: str, random: Random) -> str:
    """Whole numbers with a decimal, or as powers of ten."""
    form = random.choice(["{0}.0", "{0}.00", "{0}e0", "{0}E+00", "{0},0"])
    return re.sub(r"(?<=\b[THD]=)\d+", lambda number: form.format(number[0]), link)


def in_capitals(link: str, random: Random) -> str:
    return link.upper()


def encoded_again(link: str, random: Random) -> str:
    return quote(link, safe=random.choice(["", "", ","]))


def encoded_but_separators(link: str, random: Random) -> str:
    return quote(link, safe="=&,")


def unseen(link: str, random: Random) -> str:
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(link) + 1)
        link = link[:at] + random.choice(UNSEEN) + link[at:]
    return link


def full_width(link: str, random: Random) -> str:
    return re.sub(r"(?<=[=.\d-])\d", lambda digit: chr(ord(digit[0]) + 0xFEE0), link)


def pasted_twice(link: str, random: Random) -> str:
    return f"{link}{random.choice(['&', '?'])}{link}"


def two_question_marks(link: str, random: Random) -> str:
    return random.choice(["?" + link, link.replace("&", "?", 1)])


def a_slash_at_the_end(link: str, random: Random) -> str:
    return link + "/"


def underscores_lost(link: str, random: Random) -> str:
    return link.replace("_", "")


MANGLES: list[Mangle] = [
    *(escaped_for_html, escaped_twice, escaped_by_number, quoted_printable, markdown),
    *(markdown_of_everything, in_brackets, end_of_sentence, smart_punctuation, wrapped),
    *(wrapped_often, a_space_in_it, tracked, tracked_first, decimal_commas),
    *(as_a_spreadsheet_shows, in_capitals, encoded_again, encoded_but_separators, unseen),
    *(full_width, pasted_twice, two_question_marks, a_slash_at_the_end, underscores_lost),
]


def as_sent(link: str, random: Random) -> bytes:
    """What a client sends: a browser drops line ends and tabs, others encode them; the rest that an
    address cannot have is percent-encoded."""
    if random.random() < 0.5:
        link = re.sub(r"[\r\n\t]", "", link)
    return quote(link, safe="%!$&'()*+,;=:@/?[]\\|`^{}<>\"~").encode()
