"""The pictures of a direction, as JSON values from which the page's script builds them."""

from typing import Any
from xml.etree.ElementTree import Element

from phase4_5.plots.direction import Direction
from phase4_5.plots.pictures import all_pictures
from phase4_5.plots.screen import ScreenPanel, screen_panel

Tree = list[Any]
"""Tag, attributes, then texts and further trees. Built element by element, nothing that is text
can become markup."""

# The page has a map of its own, in which every cell can be opened.
_LEFT_OUT = ("outcomes",)


def panels_of(direction: Direction) -> list[dict[str, Any]]:
    """The panels, in the order of the page of all pictures; sizes are in points."""
    return [
        _panel(screen_panel(picture, direction))
        for picture in all_pictures()
        if picture.name not in _LEFT_OUT
    ]


def _panel(panel: ScreenPanel) -> dict[str, Any]:
    return {
        "name": panel.name,
        "title": panel.title,
        "svg": tree(panel.svg),
        "top": round(panel.top, 3),
        "bottom": round(panel.bottom, 3),
        "strips": [
            {
                "label": f"{strip.coefficient:g}",
                "coefficient": strip.coefficient,
                "left": round(strip.left, 3),
                "right": round(strip.right, 3),
                "told": strip.told,
            }
            for strip in panel.strips
        ],
    }


def tree(element: Element) -> Tree:
    """An element as JSON values."""
    parts: Tree = [element.tag, element.attrib]
    if element.text:
        parts.append(element.text)
    for child in element:
        parts.append(tree(child))
        if child.tail:
            parts.append(child.tail)
    return parts
