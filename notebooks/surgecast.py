"""What the three notebooks share: asking the API, reading minutes, and a look for pictures.

Only the standard library, pandas and matplotlib. The address comes from SURGECAST_URL, a key, if the service wants
one, from SURGECAST_KEY; neither is printed.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

import matplotlib.pyplot as plt
import pandas as pd

URL = os.environ.get("SURGECAST_URL", "http://127.0.0.1:8080").rstrip("/")


def api(path, **query):
    """The JSON document at path. An error says what the service said, and its remedy."""
    q = {k: v for k, v in query.items() if v is not None}
    request = urllib.request.Request(URL + path + ("?" + urllib.parse.urlencode(q) if q else ""))
    if os.environ.get("SURGECAST_KEY"):
        request.add_header("Authorization", "Bearer " + os.environ["SURGECAST_KEY"])
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        problem = json.loads(e.read() or b"{}")
        raise RuntimeError("%s: %s %s" % (path, problem.get("detail", e.reason), problem.get("remedy", ""))) from None
    except urllib.error.URLError as e:
        raise RuntimeError("no service at %s (%s): start one with `make demo`, or set SURGECAST_URL" % (URL, e.reason)) from None


def minutes(rows, at):
    """A frame of minutes with a row for every one: what nobody counted is NaN, never zero."""
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    frame[at] = pd.to_datetime(frame[at])
    frame = frame.set_index(at).sort_index()
    full = frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq="min"))
    if "saturated" in full:
        full["saturated"] = full["saturated"].fillna(False).astype(bool)
    return full


def style():
    """Quiet axes and room for titles."""
    plt.rcParams.update({
        "figure.figsize": (9, 3.6), "figure.dpi": 110, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": "#E3E7EB", "axes.axisbelow": True, "axes.titleweight": "bold", "axes.titlesize": 10, "font.size": 9,
    })


def stamp(figure, document):
    """Says on the picture itself when its data are simulated."""
    simulated = document.get("simulated") or any(s.get("simulated") for s in document.get("sources", []) if isinstance(s, dict))
    if simulated:
        figure.text(.995, .995, "Simulated", ha="right", va="top", fontsize=9, color="#14202B", bbox={"facecolor": "#ECEFF2", "edgecolor": "none"})
    figure.tight_layout()
