"""What the benchmarks say: a table, a JSON file, a chart. A cell is a list with the value of each run, or MISSING."""

import dataclasses
import json
import statistics
from xml.sax.saxutils import escape

import rows

MISSING = "missing"


@dataclasses.dataclass
class Result:
    """What was measured of one row with one number of threads."""

    row: rows.Row
    threads: int
    ours: list | str
    peers: dict
    calls_per_second: int | None = None  # where the row is measured at a given rate

    def cells(self):
        return {rows.OURS: self.ours, **self.peers}

    def as_json(self):
        return {
            "row": self.row.name,
            "unit": self.row.unit,
            "better": self.row.better,
            "threads": self.threads,
            "ours": self.ours,
            "peers": self.peers,
            **({"calls_per_second": self.calls_per_second} if self.calls_per_second else {}),
        }


def median(cell):
    return None if cell == MISSING or not cell else statistics.median(cell)


def ratio(result, peer):
    """Ours divided by the peer's; None if one of them is missing."""
    mine, theirs = median(result.ours), median(result.peers.get(peer, MISSING))
    return mine / theirs if mine is not None and theirs else None


def write_json(results, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([result.as_json() for result in results], file, indent=1)
        file.write("\n")


def show(value, unit):
    """A value with three digits, in a unit that suits its size."""
    steps = {
        "ns": (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1)),
        "messages/s": (("M/s", 1e6), ("k/s", 1e3), ("/s", 1)),
        "items/s": (("M/s", 1e6), ("k/s", 1e3), ("/s", 1)),
        "calls/s": (("M/s", 1e6), ("k/s", 1e3), ("/s", 1)),
    }.get(unit, ((unit, 1),))
    name, size = next(((name, size) for name, size in steps if value >= size), steps[-1])
    scaled = value / size
    digits = 0 if scaled >= 99.95 else 1 if scaled >= 9.995 else 2
    return f"{scaled:,.{digits}f} {name}"


def table(results):
    """Lines for the terminal: medians, and ours divided by each peer's."""
    taking_part = [peer for peer in rows.PEERS if any(peer in result.peers for result in results)]
    lines = [["row", "threads", "better", rows.OURS, *taking_part, *(f"ours/{peer}" for peer in taking_part)]]
    for result in results:
        cells = result.cells()
        line = [result.row.name, str(result.threads), result.row.better]
        for who in (rows.OURS, *taking_part):
            value = median(cells[who]) if who in cells else None
            line.append("" if who not in cells else MISSING if value is None else show(value, result.row.unit))
        for peer in taking_part:
            value = ratio(result, peer)
            line.append("" if peer not in cells else "-" if value is None else f"{value:.2f}")
        lines.append(line)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text_columns = (0, 2)
    return [
        "  ".join(
            cell.ljust(width) if column in text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]


# ---- the chart ----

COLOURS = {rows.OURS: "#1b6ca8", "caf": "#d9822b", "erlang": "#a9333a", "zeromq": "#3f8f5f", "grpc": "#6a51a3", rows.PLAIN: "#5aa7d6", "floor": "#8a8f98"}
LABEL_WIDTH, BAR_WIDTH, VALUE_WIDTH = 330, 520, 110
BAR_HEIGHT, GAP, TOP = 13, 14, 64


def chart(results):
    """An SVG with a group of bars for each result. Each group has its own scale: its longest bar fills the width."""
    parts = []
    y = TOP
    for result in results:
        cells = result.cells()
        values = {who: median(cell) for who, cell in cells.items()}
        longest = max((value for value in values.values() if value is not None), default=0)
        middle = y + BAR_HEIGHT * len(cells) / 2
        parts.append(_text(LABEL_WIDTH - 12, middle - 1, f"{result.row.name}, {_threads(result.threads)}", "end", "name"))
        parts.append(_text(LABEL_WIDTH - 12, middle + 12, f"{result.row.what}; {result.row.better} is better", "end", "what"))
        for who, value in values.items():
            if value is None:
                parts.append(_text(LABEL_WIDTH + 4, y + BAR_HEIGHT - 3, f"{who}: missing", "start", "what"))
            else:
                width = BAR_WIDTH * value / longest if longest > 0 else 0
                parts.append(
                    f'<rect x="{LABEL_WIDTH}" y="{y}" width="{max(width, 1):.1f}" height="{BAR_HEIGHT - 2}" fill="{COLOURS[who]}">'
                    f"<title>{escape(who)}</title></rect>"
                )
                label = f"{show(value, result.row.unit)}"
                parts.append(_text(LABEL_WIDTH + max(width, 1) + 5, y + BAR_HEIGHT - 3, label, "start", "value"))
            y += BAR_HEIGHT
        y += GAP
    width, height = LABEL_WIDTH + BAR_WIDTH + VALUE_WIDTH, y + 4
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif">',
            "<style>.head{font-size:15px;font-weight:bold}.name{font-size:12px;font-weight:bold}.what{font-size:9px;fill:#555}"
            ".value{font-size:10px}</style>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            _text(12, 24, "Medians; each row has its own scale", "start", "head"),
            *_legend(results),
            *parts,
            "</svg>",
            "",
        ]
    )


def _threads(count):
    return f"{count} thread" + ("" if count == 1 else "s")


def _text(x, y, words, anchor, kind):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(words)}</text>'


def _legend(results):
    x = LABEL_WIDTH
    for who in (rows.OURS, *rows.PEERS):
        if any(who in result.cells() for result in results):
            yield f'<rect x="{x}" y="38" width="11" height="11" fill="{COLOURS[who]}"/>'
            yield _text(x + 16, 48, who, "start", "value")
            x += 90
