"""How much of the baseline's programs, and of programs at all, is left."""

from typing import TYPE_CHECKING

from phase4_5.analysis.recommendation import MIN_TOKEN_SIMILARITY
from phase4_5.plots.axes import CoefficientAxis
from phase4_5.plots.direction import Direction
from phase4_5.plots.lines import Line, Point, draw_line
from phase4_5.plots.log_axis import LogAxis
from phase4_5.plots.pictures import Told, picture
from phase4_5.plots.style import BLACK, GREEN, GREY, ORANGE, SKY
from phase4_5.plots.told import rate, rounded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# key of the summary, its unit as a fraction, line
_LINES = (
    ("mean_token_similarity", 1.0, Line("token similarity", BLACK, "o", "-")),
    ("mean_char_similarity", 1.0, Line("character similarity", SKY, "s", "--")),
    ("valid_syntax_rate", 0.01, Line("share with valid syntax", GREEN, "D", "-.")),
    ("signature_intact_rate", 0.01, Line("share with intact signature", ORANGE, "P", ":")),
)


def _tell(direction: Direction, coefficient: float) -> Told:
    result = direction.result(coefficient)
    return [
        ("tokens", rounded(result["mean_token_similarity"], 2)),
        ("characters", rounded(result["mean_char_similarity"], 2)),
        ("valid syntax", rate(result, "valid_syntax")),
        ("signature", rate(result, "signature_intact")),
    ]


@picture(3, LogAxis, tell=_tell)
def draw_quality(panel: "Axes", direction: Direction, axis: CoefficientAxis) -> None:
    """Similarity to the baseline's programs, valid syntax, intact signatures."""
    panel.axhline(
        MIN_TOKEN_SIMILARITY,
        color=GREY,
        linewidth=0.8,
        label=f"{MIN_TOKEN_SIMILARITY:g}: lowest token similarity",
    )
    for place, (key, unit, line) in enumerate(_LINES):
        points = [
            Point(each["coefficient"], None if each[key] is None else each[key] * unit)
            for each in direction.results
        ]
        draw_line(panel, axis, line, points, place=place, places=len(_LINES))
    panel.set_ylabel("similarity or share (0 to 1)")
    panel.set_ylim(-0.04, 1.04)
