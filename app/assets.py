"""Files a browser keeps for ever: versioned addresses, compressed ahead of time.

``python -m app.assets`` compresses them once; the app does so itself where that was not done.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import brotli

TOP = Path(__file__).resolve().parent.parent
STATIC = TOP / "static"
BUILD = TOP / "build"
PLOTLY = "plotly.js"
ENCODINGS = ("br", "gzip")  # in the order of preference


@dataclass(frozen=True)
class Asset:
    """One file: its bytes as they are, compressed by encoding, and its media type."""

    media_type: str
    bodies: dict[str, bytes]  # "identity" and ENCODINGS


def sources() -> dict[str, bytes]:
    """Every file of ``static/`` by its path there, and plotly.js out of the plotly package."""
    found = {
        path.relative_to(STATIC).as_posix(): path.read_bytes()
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }
    found[PLOTLY] = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    return found


@cache
def assets() -> dict[str, Asset]:
    """Every file with its compressed forms."""
    return {name: asset(name, body) for name, body in sources().items()}


@cache
def build() -> str:
    """A name for this very set of files and code: it changes when any answer could."""
    digest = hashlib.sha256()
    for library in ("jinja2", "markupsafe", "numpy", "orjson", "pillow", "plotly", "safetensors"):
        digest.update(f"{library} {metadata.version(library)}\n".encode())
    folders = ("app", "lstm_engine", "templates")
    code = [path for folder in folders for path in (TOP / folder).rglob("*.*")]
    for path in sorted(path for path in code if path.suffix in (".py", ".html", ".txt")):
        digest.update(path.read_bytes())
    for name, file in assets().items():
        digest.update(name.encode() + file.bodies["identity"])
    return digest.hexdigest()[:12]


def version(name: str) -> str:
    """The part of a file's address that changes with it; scripts of the page import each other,
    so they change together, and plotly.js, which is large, by itself alone."""
    if name == PLOTLY:
        return hashlib.sha256(assets()[name].bodies["identity"]).hexdigest()[:12]
    return build()


def asset(name: str, body: bytes) -> Asset:
    """A file with its compressed forms, taken from ``build/`` where they lie there."""
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    bodies = {"identity": body}
    if media_type.startswith("text/") or media_type.endswith(("javascript", "json", "xml")):
        bodies |= {encoding: compressed(body, encoding) for encoding in ENCODINGS}
    return Asset(media_type, bodies)


def compressed(body: bytes, encoding: str) -> bytes:
    """A body compressed; the large ones are kept in ``build/`` under the hash of their content."""
    if len(body) < 2**18:
        return brotli.compress(body) if encoding == "br" else gzip.compress(body, mtime=0)
    kept = BUILD / f"{hashlib.sha256(body).hexdigest()[:16]}.{encoding}"
    if kept.exists():
        return kept.read_bytes()
    # Without the build step a quick middle level has to do: the best takes ten seconds.
    return brotli.compress(body, quality=5) if encoding == "br" else gzip.compress(body, 6, mtime=0)


def compress_ahead() -> None:
    """Compress the large files as small as they get and keep them in ``build/``."""
    BUILD.mkdir(exist_ok=True)
    for body in sources().values():
        name = hashlib.sha256(body).hexdigest()[:16]
        if len(body) < 2**18 or (BUILD / f"{name}.gzip").exists():
            continue
        (BUILD / f"{name}.br").write_bytes(brotli.compress(body, quality=11))
        (BUILD / f"{name}.gzip").write_bytes(gzip.compress(body, 9, mtime=0))


if __name__ == "__main__":
    compress_ahead()
