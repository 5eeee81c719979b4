"""A page as a tree of elements, for tests that look at what a person gets."""

from html.parser import HTMLParser

VOID = {"base", "meta", "link", "input", "img", "source", "br", "hr"}


class Element:
    """One element of a page: its tag, attributes, what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None") -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element] = []
        self.parts: list[Element | str] = []

    def all(self, *tags: str) -> "list[Element]":
        here = [self] if self.tag in tags or not tags else []
        return here + [found for child in self.children for found in child.all(*tags)]

    def one(self, tag: str, **attributes: str) -> "Element":
        (found,) = self.having(tag, **attributes)
        return found

    def having(self, tag: str, **attributes: str) -> "list[Element]":
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [e for e in self.all(tag) if wanted.items() <= e.attributes.items()]

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)


class Reader(HTMLParser):
    """A page as a tree of elements; a tag that is not closed in order is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.root = self.place = Element("page", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.place)
        self.place.children.append(element)
        self.place.parts.append(element)
        if tag not in VOID:
            self.place = element

    def handle_endtag(self, tag: str) -> None:
        assert self.place.tag == tag, f"</{tag}> closes <{self.place.tag}>"
        assert self.place.parent is not None
        self.place = self.place.parent

    def handle_data(self, data: str) -> None:
        self.place.parts.append(data)


def parsed(html: str) -> Element:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.place is reader.root, f"<{reader.place.tag}> is not closed"
    return reader.root
