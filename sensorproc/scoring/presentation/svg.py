"""The frame of our self-contained SVG figures."""

from collections.abc import Sequence

RIGHT = 18  # margin of every figure [px]


def document(width: int, height: int, marks: Sequence[str]) -> str:
    """A complete SVG of the marks on white, in the figures' one font."""
    frame = f'viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" font-size="12.5" fill="#28313b"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame}><rect width="100%" height="100%" fill="white"/>{"".join(marks)}</svg>\n'
    )
