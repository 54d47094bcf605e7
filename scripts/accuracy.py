#!/usr/bin/env python3
"""Backtest sets of the arena, score them, and write the accuracy page when all were run. Standard library only.

  accuracy.py --arena DIR --forecaster BINARY --out DIR [--write PAGE] [SET ...]
"""
import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

COLUMNS = {  # column of BASELINES.md -> set
    'tweets 1 h': 'nab_tweets', 'tweets 1 d': 'nab_tweets_h288', 'wc98': 'wc98_requests', 'nasa': 'nasa_http',
    'nab traffic': 'nab_traffic', 'hashtags': 'superbowl_hashtags', 'wiki': 'wiki_pageviews', 'overall': 'OVERALL',
}
WHAT = {
    'nab_tweets': 'mentions of 6 companies, 5 min, 1 h ahead', 'nab_tweets_h288': 'the same, 1 day ahead',
    'wc98_requests': 'World Cup 1998 web site, 1 min, 1 h ahead', 'nasa_http': 'NASA web server 1995, 1 min, 1 h ahead',
    'nab_traffic': 'two EC2 hosts and New York taxis, 5 and 30 min, 12 steps', 'superbowl_hashtags': '4 hashtags, 1 h, 12 h ahead',
    'wiki_pageviews': 'one article, 1 day, 14 days ahead',
}
SIMPLE = ('last_value', 'last_value_sqrt', 'rolling15', 'rolling15_sqrt', 'snaive', 'snaive_sqrt')


def tables(path):
    """{title: {contestant: {set: (regular, surge)}}} of the two-valued tables of BASELINES.md."""
    out, title, head = {}, None, None
    for line in path.read_text(encoding='utf-8').splitlines():
        if line.startswith('**'):
            title, head = line.split('**')[1], None
        elif line.startswith('|') and title:
            cells = [c.strip() for c in line.strip('|').split('|')]
            if head is None:
                head = cells
            elif cells[0] and not cells[0].startswith('-'):
                row = {}
                for name, cell in zip(head[1:], cells[1:]):
                    pair = re.findall(r'[-+]?\d+\.\d+', cell)
                    if name in COLUMNS and len(pair) == 2:
                        row[COLUMNS[name]] = (float(pair[0]), float(pair[1]))
                if row:
                    out.setdefault(title, {})[cells[0]] = row
        elif line.startswith('#'):
            title = None
    return out


def backtest(forecaster, arena, out, name, cfg, inputs):
    cmd = [forecaster, 'backtest', '--series', str(arena / 'series' / cfg['series']), '--origins', str(arena / 'origins' / f'{name}.csv'),
           '--out', str(out / f'{name}.forecasts.csv'), '--breach-out', str(out / f'{name}.breach.csv')]
    if inputs and cfg.get('signals'):
        cmd += ['--signals', str(arena / 'inputs' / cfg['signals'])]
    if inputs and cfg.get('events'):
        cmd += ['--events', str(arena / 'inputs' / cfg['events'])]
    began = time.monotonic()
    done = subprocess.run(cmd, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'accuracy: {name}: {done.stderr.strip() or done.stdout.strip()}')
    print(f'{name}: {time.monotonic() - began:.1f} s', file=sys.stderr)


def score(arena, out, names):
    result = out / 'result.json'
    done = subprocess.run([sys.executable, str(arena / 'score.py'), 'score', str(out), '--sets', ','.join(names), '--json', str(result)],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'accuracy: the scorer rejected the forecasts: {(done.stdout + done.stderr).strip()}')
    return json.loads(result.read_text())


def table(arena, out, names):
    subprocess.run([sys.executable, str(arena / 'score.py'), 'score', str(out), '--sets', ','.join(names)], check=True)


def signed(v):
    return '–' if v is None else f'{v:+.2f}'


def main():
    p = argparse.ArgumentParser()
    for name in ('arena', 'forecaster', 'out'):
        p.add_argument('--' + name, required=True, type=Path)
    p.add_argument('--write', type=Path)
    p.add_argument('sets', nargs='*')
    a = p.parse_args()
    forecaster = str(a.forecaster.resolve())
    cfg = json.loads((a.arena / 'origins' / 'sets.json').read_text())
    plain, extra = a.out / 'plain', a.out / 'inputs'
    plain.mkdir(parents=True, exist_ok=True)
    extra.mkdir(parents=True, exist_ok=True)
    unknown = [n for n in a.sets if n not in cfg]
    if unknown:
        sys.exit(f"accuracy: no set {', '.join(unknown)}; there are {', '.join(cfg)}")
    names = [n for n in cfg if not cfg[n].get('extra')]
    extras = [n for n in cfg if cfg[n].get('extra')]
    for n in a.sets or cfg:
        backtest(forecaster, a.arena, plain, n, cfg[n], False)
    if a.sets:
        return table(a.arena, plain, a.sets)
    for n in extras:
        backtest(forecaster, a.arena, extra, n, cfg[n], True)
    r = score(a.arena, plain, names)
    without = {n: score(a.arena, plain, [n])['sets'][n] for n in extras}
    having = {n: score(a.arena, extra, [n])['sets'][n] for n in extras}
    base = tables(a.arena / 'BASELINES.md')
    wql, skill = base['WQL, regular / surge'], next((v for k, v in base.items() if k.startswith('Brier skill')), {})
    table(a.arena, plain, names)
    if a.write:
        a.write.write_text(page(r, names, wql, skill, without, having), encoding='utf-8')


def page(r, names, wql, skill, without, having):
    rows = [(n, r['sets'][n]) for n in names] + [('OVERALL', r['overall'])]
    o = []
    say = o.append
    say('# How good the forecasts are\n')
    say('Written by `make accuracy`; do not edit. Every figure comes from `forecaster backtest`, the production model stepped once through each series, '
        'with nothing it says depending on a later value. The series are public (Numenta Anomaly Benchmark, Internet Traffic Archive, Wikimedia page views, hashtag counts of a course) '
        'and were looked at while the model was built: **expect to lose some of this on series nobody has looked at**.\n')
    say('*Regular* origins are spread at random; *surge* origins were picked because a surge followed or was under way, so the coverage of an honest forecaster falls below nominal there. '
        'WQL is the weighted quantile loss over eight levels (lower is better). *Best single* is the best of 18 rules and R models on that set and condition, '
        '*ensemble* the equal-weight mean of three of them, *best rule* the best of last value, rolling mean and same time yesterday.\n')
    for k, c in enumerate(('regular', 'surge')):
        say(f'## WQL, {c} origins\n')
        say('| set | ours | best single | ensemble | best rule | ours / best single | ours / ensemble |')
        say('|---|---|---|---|---|---|---|')
        for n, v in rows:
            x = v[c]['wql']
            single = min((t[n][k], m) for m, t in wql.items() if n in t and not m.startswith('ensemble'))
            rule = min((wql[m][n][k], m) for m in SIMPLE if m in wql and n in wql[m])
            ens = wql['ensemble'][n][k]
            say(f'| {n} | **{x:.3f}** | {single[0]:.3f} {single[1]} | {ens:.3f} | {rule[0]:.3f} {rule[1]} | {x / single[0]:.2f} | {x / ens:.2f} |')
        say('')
    say('The overall row is the geometric mean over the sets; its best single baseline is one model for all sets.\n')
    say('## Coverage, regular / surge\n')
    say('| set | inside 50 % | inside 80 % | inside 90 % | below q.95 | below q.99 |\n|---|---|---|---|---|---|')
    for n, v in rows:
        a, b = v['regular'], v['surge']
        say('| ' + n + ' | ' + ' | '.join(f'{a[q]:.2f} / {b[q]:.2f}' for q in ('coverage50', 'coverage80', 'coverage90')) + ' | '
            + ' | '.join(f'{a[q]:.3f} / {b[q]:.3f}' for q in ('below95', 'below99')) + ' |')
    say('\n## Breach: P(maximum over the horizon > level)\n')
    say('Skill is 1 − Brier / Brier of the base rate known in hindsight; above 0 is good.\n')
    say('| set | skill, regular | ensemble | skill, surge | ensemble | calibration error, regular / surge | AUC, regular / surge |\n|---|---|---|---|---|---|---|')
    for n, v in rows:
        a, b = v['regular']['breach'], v['surge']['breach']
        e = skill.get('ensemble', {}).get(n, (None, None))
        say(f"| {n} | **{signed(a['brier_skill'])}** | {signed(e[0])} | **{signed(b['brier_skill'])}** | {signed(e[1])} | "
            f"{a['calibration_error']:.3f} / {b['calibration_error']:.3f} | {a['auc']:.2f} / {b['auc']:.2f} |")
    say('\nReliability, all sets together: when we said so much, it happened so often.\n')
    say('| said | pairs, regular | said | happened | pairs, surge | said | happened |\n|---|---|---|---|---|---|---|')
    bins = {}
    for k, c in enumerate(('regular', 'surge')):
        for n in names:
            for low, count, p, z in r['sets'][n][c]['breach']['reliability']:
                t = bins.setdefault(round(low, 1), [[0, 0., 0.], [0, 0., 0.]])[k]
                t[0] += count
                t[1] += count * p
                t[2] += count * z
    for low in sorted(bins):
        cells = []
        for count, p, z in bins[low]:
            cells += [str(count)] + ([f'{p / count:.2f}', f'{z / count:.2f}'] if count else ['–', '–'])
        say(f'| {low:.1f}–{low + .1:.1f} | ' + ' | '.join(cells) + ' |')
    say('\n## By lead: WQL of each quarter of the horizon, regular / surge\n')
    say('| set | first | second | third | last |\n|---|---|---|---|---|')
    for n in names:
        v = r['sets'][n]
        say(f'| {n} | ' + ' | '.join(f'{x:.3f} / {y:.3f}' for x, y in zip(v['regular']['wql_by_lead_quarter'], v['surge']['wql_by_lead_quarter'])) + ' |')
    say('\n## What an extra input is worth\n')
    say('Published whatever it is; 1.00 is no value. There are no outside baselines for these two. youtube_paired: shares a day as signals; '
        'wc98_events: the match calendar, each match known from its announcement on.\n')
    say('| set | WQL without, regular / surge | with | ratio |\n|---|---|---|---|')
    for n in without:
        a, b = without[n], having[n]
        say(f"| {n} | {a['regular']['wql']:.4f} / {a['surge']['wql']:.4f} | {b['regular']['wql']:.4f} / {b['surge']['wql']:.4f} | "
            f"{b['regular']['wql'] / a['regular']['wql']:.2f} / {b['surge']['wql'] / a['surge']['wql']:.2f} |")
    say('\n## What we do not beat\n')
    worse = []
    for n, v in rows:
        for k, c in enumerate(('regular', 'surge')):
            best = min((t[n][k], m) for m, t in wql.items() if n in t)
            if v[c]['wql'] > best[0] * 1.0005:
                worse.append(f"- {n}, {c}: WQL {v[c]['wql']:.3f} against {best[0]:.3f} of {best[1]}")
    for n, v in rows:
        for k, c in enumerate(('regular', 'surge')):
            e = max(((t[n][k], m) for m, t in skill.items() if n in t), default=None)
            s = v[c]['breach']['brier_skill']
            if e and s is not None and s < e[0] - .005:
                worse.append(f'- {n}, {c}: breach skill {s:+.2f} against {e[0]:+.2f} of {e[1]}')
    say('\n'.join(worse) or 'Nothing here, which is a reason to look for harder series.')
    say('\nThe sets: ' + '; '.join(f'{n}: {WHAT[n]}' for n in names if n in WHAT) + '.')
    return '\n'.join(o) + '\n'


if __name__ == '__main__':
    main()
