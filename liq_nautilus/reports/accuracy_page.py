"""The document of `accuracy` as Markdown: one table per window and side, and the verdict."""

from __future__ import annotations

import html
from typing import Any

_METRICS = ("spearman", "partial_spearman", "explained_deviance")
_CLAIMS = (
    ("gain", "map alone less best baseline"),
    ("gain_over_path_regression", "map alone less path-only regression"),
    ("increment", "path-only regression with the map less without"),
    ("increment_frozen_map", "the same, map without openings inside the interval"),
    ("increment_placebo", "the same, map of another day (placebo: should add far less)"),
)
_STYLE = (
    "body{background:#0d1117;color:#c9d1d9;font:14px/1.5 sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}"
    "td,th{border:1px solid #30363d;padding:.2rem .6rem;text-align:right}"
    "td:first-child,th:first-child{text-align:left}"
)


def markdown_report(document: dict[str, Any]) -> str:
    """
    Return the report as Markdown.

    Parameters
    ----------
    document : dict
        What `liq_nautilus.studies.accuracy.measure_accuracy` gave.

    """
    lines: list[str] = []
    for title, rows in _sections(document):
        lines += [f"## {title}" if lines else f"# {title}", ""]
        for row in rows:
            if isinstance(row, str):
                lines += [row, ""]
                continue
            head, *body = row
            lines += [_line(head), _line(["---"] + ["---:"] * (len(head) - 1))]
            lines += [*map(_line, body), ""]
    return "\n".join(lines)


def html_report(document: dict[str, Any]) -> str:
    """Return the report as one self-contained HTML page; `document` as in `markdown_report`."""
    parts: list[str] = []
    for title, rows in _sections(document):
        level = "h2" if parts else "h1"
        parts.append(f"<{level}>{html.escape(title)}</{level}>")
        for row in rows:
            if isinstance(row, str):
                parts.append(f"<p>{html.escape(row)}</p>")
                continue
            head, *body = row
            parts.append("<table>" + _html_row(head, "th"))
            parts += [_html_row(cells, "td") for cells in body]
            parts.append("</table>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Accuracy</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


type _Rows = list[str | list[list[str]]]


def _sections(document: dict[str, Any]) -> list[tuple[str, _Rows]]:
    params = document["params"]
    about = (
        f"Parameters: {params['source']}; their training windows lie to the scored ones: "
        f"{params['relation']}. Mode: {document['mode']}."
    )
    trained = "; ".join(f"{one['start']} to {one['end']}" for one in params["windows"])
    sections: list[tuple[str, _Rows]] = [
        (
            "Accuracy against realised liquidations",
            [document["verdict"], about, f"Training windows: {trained or 'none'}."],
        )
    ]
    for entry in document["pooled"]:
        title = f"Pooled, {entry['side']}: {entry['intervals']} intervals"
        sections.append((title, _entry_rows(entry)))
    for entry in document["windows"]:
        title = (
            f"{entry['start']} to {entry['end']}, {entry['side']}: {entry['intervals']} intervals"
        )
        sections.append((title, [labels_words(entry), *_entry_rows(entry)]))
    sections.append(("Reliability of the signals' confidence", _reliability(document)))
    if "ablations" in document:
        sections.append(("Ablations, leaving one window out", [_ablation_table(document)]))
    return sections


def _reliability(document: dict[str, Any]) -> _Rows:
    found = document["reliability"]
    head = [
        "action",
        "judged",
        "stated",
        "came true",
        "95 %",
        "Brier",
        "skill",
        "calibration error",
    ]
    table, bins = [head], [["action and confidence", "signals", "stated", "came true", "95 %"]]
    follow = [["action", "signals", "followed by unusually large liquidations", "95 %"]]
    words = [f"Claims about the {found['horizon_hours']:g} hours after a signal."]
    for action, entry in found["actions"].items():
        words.append(f"{action}: {entry['claim'] or entry['reason']}.")
        after = entry["unusual_liquidations"]
        follow.append([action, str(after["n"]), _number(after["observed"]), _range(after)])
        table += [
            [f"{action}, {key}", *_reliability_cells(entry[key])]
            for key in ("signals", "episodes")
            if entry[key]
        ]
        for one in entry["signals"]["bins"] if entry["signals"] else []:
            name = f"{action} {one['from_confidence']:.1f} to {one['to_confidence']:.1f}"
            shown = [_number(one["mean_confidence"]), _number(one["observed"]), _range(one)]
            bins.append([name, str(one["n"]), *shown])
    return [" ".join(words), table, bins, follow]


def _reliability_cells(found: dict[str, Any]) -> list[str]:
    stated = [_number(found[key]) for key in ("mean_confidence", "observed")]
    scores = [_number(found[key]) for key in ("brier", "skill", "calibration_error")]
    return [str(found["n"]), *stated, _range(found), *scores]


def _range(found: dict[str, Any]) -> str:
    interval = found["interval"]
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _ablation_table(document: dict[str, Any]) -> list[list[str]]:
    head = ["change"]
    for side in ("long", "short"):
        head += [f"{side}: spearman", "difference", "95 %", "increment", "95 %"]
    table = [head]
    for row in document["ablations"]:
        cells = [row["name"]]
        for side in ("long", "short"):
            found = row[side]
            if found is None:
                cells += [row["reason"], "", "", "", ""]
                continue
            cells.append(_number(found["spearman"]))
            for key in ("difference", "increment"):
                low, high = found[f"{key}_interval"]
                cells += [_number(found[key], "+.3f"), f"{low:+.3f} to {high:+.3f}"]
        table.append(cells)
    return table


def _entry_rows(entry: dict[str, Any]) -> _Rows:
    head = ["", *(metric.replace("_", " ") for metric in _METRICS)]
    table = [head]
    for kind, names in (("model", entry["models"]), ("baseline", entry["baselines"])):
        for name, scores in names.items():
            best = " (best)" if name == entry[f"best_{kind}"] else ""
            table.append([f"{kind}: {name}{best}", *(_number(scores[m]) for m in _METRICS)])
    claims = [["claim", "difference of rank correlation", "95 % interval"]]
    for key, words in _CLAIMS:
        if key in entry:
            interval = entry[f"{key}_interval"]
            shown = "" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}"
            claims.append([f"{key}: {words}", _number(entry[key], "+.3f"), shown])
    if "nearest_level" in entry:
        near = [["nearest of the 20 largest levels to the extreme", "MAPE", "random levels"]]
        for name, errors in entry["nearest_level"].items():
            near.append(
                [name, _number(errors["mape"], ".3%"), _number(errors["mape_random"], ".3%")]
            )
        return [table, claims, near, _location_words(entry["location"]), _leak_words(entry)]
    return [table, claims, _leak_words(entry)]


def labels_words(entry: dict[str, Any]) -> str:
    """Return where a window's labels come from, and how much of them was seen."""
    share = entry["completeness"]
    if share is None:
        seen = "which share of all liquidations they are is not known, so they rank, in no dollars"
    elif share < 1.0:
        seen = f"{share:.0%} seen, the rest made up as measured on a complete feed"
    else:
        seen = "taken for all there were"
    return f"Labels: {entry['labels']}; {seen}."


def _location_words(location: dict[str, Any]) -> str:
    if location["log_likelihood"] is None:
        return f"Location of single events: not measured, {location['reason']}."
    found = ", ".join(f"{k} {_number(v, '+.3f')}" for k, v in location["log_likelihood"].items())
    return (
        f"Location of {location['events']} single events inside the swept range, log-likelihood "
        f"per liquidated USD above a uniform guess: {found}."
    )


def _leak_words(entry: dict[str, Any]) -> str:
    leak = entry["leak_reference"]
    return (
        f"With volume and open interest of the interval itself, fitted in sample, "
        f"{_number(leak['spearman'])} would be reached (path alone, in sample: "
        f"{_number(leak['path_only_in_sample'])})."
    )


def _number(value: float | None, form: str = ".3f") -> str:
    return "n/a" if value is None else format(value, form)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _html_row(cells: list[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
