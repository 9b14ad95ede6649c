"""Matplotlib's SVG in a form that can stand inside a page, beside others of its kind.

A page under a strict Content-Security-Policy lets no element carry a style, and all that stands in
it shares one space of names. So styles become presentation attributes, and names begin with one
that the caller gives.
"""

import io
import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, fromstring

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Told by the root, where the page's own fonts may follow.
_LEFT_OUT = {"font-family", "version", "id", "style"}
_GEOMETRY = {"d", "x", "y", "width", "height", "points", "transform", "viewBox"}
_NUMBER = re.compile(r"-?\d+\.\d+")
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)")


def inline_svg(figure: "Figure", prefix: str) -> Element:
    """The figure as an `svg` element without styles; sizes are in points.

    Texts stay texts if the setting `svg.fonttype` says so.

    Args:
        prefix: what the names (`id`) in it begin with.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    root = fromstring(stream.getvalue())
    # A rule for all elements, which here they inherit.
    everywhere = next(_rules(element) for element in root.iter() if _tag(element) == "style")
    names = _names(root, prefix)
    drawn = _converted(root, names)
    for size in ("width", "height"):
        del drawn.attrib[size]
    drawn.attrib |= everywhere
    return drawn


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _declarations(text: str) -> dict[str, str]:
    """What a style says: property -> value."""
    pairs = (part.partition(":") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _rules(style: Element) -> dict[str, str]:
    selector, _, body = (style.text or "").partition("{")
    if selector.strip() != "*":
        raise ValueError(f"a rule for {selector.strip()!r}, where matplotlib has one for all")
    return _declarations(body.rstrip().removesuffix("}"))


def _names(root: Element, prefix: str) -> dict[str, str]:
    """New names for all that is referred to."""
    found = (
        _referred(name, value)
        for element in root.iter()
        for name, value in _attributes(element).items()
    )
    used = dict.fromkeys(name for name in found if name is not None)
    return {old: f"{prefix}-{number}" for number, old in enumerate(used)}


def _referred(name: str, value: str) -> str | None:
    """The element that an attribute refers to."""
    pattern = r"#(.+)" if name == "href" else r"url\(#(.+)\)"
    found = re.fullmatch(pattern, value)
    return found and found[1]


def _attributes(element: Element) -> dict[str, str]:
    """All attributes without their name spaces, those of its style among them."""
    given = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    return given | _declarations(given.get("style", ""))


def _converted(element: Element, names: dict[str, str]) -> Element:
    given = _attributes(element)
    new = Element(_tag(element))
    for name, value in given.items():
        if name in _LEFT_OUT:
            continue
        old = _referred(name, value)
        if old is not None:
            value = value.replace(old, names[old])
        new.set(name, _short(name, value) if name in _GEOMETRY else value)
    if _NO_TURN.fullmatch(new.get("transform", "")):
        del new.attrib["transform"]
    if given.get("id") in names:
        new.set("id", names[given["id"]])
    if new.tag in ("text", "tspan"):
        new.text = element.text
    for child in element:
        if _tag(child) in ("metadata", "style"):
            continue
        inner = _converted(child, names)
        # A group that says nothing is only what is in it.
        if inner.tag == "tspan":
            inner.tail = child.tail
        if inner.tag == "g" and not inner.attrib:
            new.extend(inner)
        elif len(inner) or inner.tag != "defs":
            new.append(inner)
    return new


def _short(name: str, value: str) -> str:
    """To a thousandth of a point, which nobody sees."""
    value = _NUMBER.sub(lambda match: f"{float(match.group()):.3f}".rstrip("0").rstrip("."), value)
    value = re.sub(r"-0(?![\d.])", "0", value)
    if name == "d":
        value = re.sub(r"\s*([A-Za-z])\s*", r"\1", value)
    return " ".join(value.split())
