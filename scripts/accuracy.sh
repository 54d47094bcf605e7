#!/bin/sh
# make accuracy: backtest every set of the arena with the production model, score, rewrite docs/accuracy.md.
#
#   ARENA       folder with score.py, series/, origins/ (default ../shared/arena)
#   FORECASTER  a built binary (default: built here)
#   OUT         where forecasts go (default: a temporary folder, removed at the end)
set -eu
cd "$(dirname "$0")/.."
ARENA=${ARENA:-../shared/arena}
if [ ! -f "$ARENA/score.py" ]; then
	echo "accuracy: no arena at $ARENA (its series are public but not part of this repository)." >&2
	echo "accuracy: set ARENA to a folder that holds score.py, series/ and origins/. docs/accuracy.md keeps the last figures." >&2
	exit 0
fi
command -v python3 >/dev/null || { echo "accuracy: python3 is missing; install it to score (Debian: apt-get install python3)" >&2; exit 1; }
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT INT TERM
if [ -z "${FORECASTER:-}" ]; then
	FORECASTER=$TMP/forecaster
	go build -o "$FORECASTER" ./cmd/forecaster
fi
PYTHONDONTWRITEBYTECODE=1 python3 scripts/accuracy.py --arena "$ARENA" --forecaster "$FORECASTER" --out "${OUT:-$TMP/out}" --write docs/accuracy.md
