"""The web app: links in, pages, pictures and numbers out. Start it with ``python -m app``."""
