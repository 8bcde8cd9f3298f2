"""Draw ``docs/histogram.svg``, the picture of the README: the scores of a corpus, the chosen tenth, and the cut.

    python docs/site/histogram.py

It is drawn out of what dsdm finds in scores with a seed.
"""

from pathlib import Path

import numpy as np

import dsdm

PICTURE = Path(__file__).parents[1] / "histogram.svg"
PLAIN = 0.75
"""The share of plain rows, whose scores are lower."""
ROWS, BINS = 1_000_000, 50
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 640, 240, 8, 40, 32
STYLE = "text{font:17px system-ui,sans-serif;fill:#767676}.rest{fill:#98a3b0}.chosen{fill:#16966d}.cut{stroke:#767676}"
"""Colors that are seen on white and on black: a picture is not told which of them the page has."""


def picture() -> str:
    """Return the picture as SVG."""
    generator = np.random.default_rng(0)
    scores = np.where(
        generator.random(ROWS) < PLAIN, generator.normal(-0.6, 0.5, ROWS), generator.normal(0.9, 0.6, ROWS)
    )
    chosen = dsdm.choose(scores, fraction=0.1)
    (facts,) = dsdm.report(chosen, scores=scores, bins=BINS).selections
    told = facts.scores.histogram
    step, most = (WIDTH - 2 * LEFT) / BINS, max(told.rows)

    def bar(kind: str, number: int, below: int, rows: int) -> str:
        height = (HEIGHT - TOP - BOTTOM) * rows / most
        start = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * below / most
        x = LEFT + step * number
        return (
            f'<rect class="{kind}" x="{x:.1f}" y="{start - height:.1f}" width="{step - 2:.1f}" height="{height:.1f}"/>'
        )

    bars = []
    for number, (rows, taken) in enumerate(zip(told.rows, told.chosen, strict=True)):
        bars += [bar("chosen", number, 0, taken)] if taken else []
        bars += [bar("rest", number, taken, rows - taken)] if rows > taken else []
    place = LEFT + (WIDTH - 2 * LEFT) * (chosen.cut.score - told.edges[0]) / (told.edges[-1] - told.edges[0])
    title = f"Histogram of {ROWS:,} scores: the {len(chosen):,} rows of at least {chosen.cut.score:.4g} are chosen"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
            f"<title>{title}</title><style>{STYLE}</style>",
            *bars,
            f'<path class="cut" d="M{place:.1f} {TOP - 20}V{HEIGHT - BOTTOM}" stroke-dasharray="4 3" fill="none"/>',
            f'<text x="{place + 8:.0f}" y="{TOP - 8}">cut: score ≥ {chosen.cut.score:.4g}</text>',
            f'<text x="{place + 8:.0f}" y="{TOP + 14}">{len(chosen):,} rows chosen</text>',
            f'<text x="{LEFT}" y="{HEIGHT - 10}">{told.edges[0]:.2f}</text>',
            f'<text x="{WIDTH - LEFT}" y="{HEIGHT - 10}" text-anchor="end">{told.edges[-1]:.2f}</text>',
            f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">score of a row, {ROWS:,} rows</text>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
