"""Figures: described once, drawn by Plotly for the page and by Pillow for pictures."""
