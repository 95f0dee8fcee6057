"""The report: Markdown that reads well as text."""

from collections.abc import Sequence

from governance.judge import Rule


def report(rules: Sequence[Rule]) -> str:
    """Return the report on rules, and on what breaks them."""
    broken = [rule for rule in rules if rule.breaches]
    looked_at = sum(rule.looked_at for rule in rules)
    lines = [
        "# Governance",
        "",
        f"{len(rules)} rules, {looked_at:,} checks: {_verdict(broken)}.",
        "",
        f"| {'checks':>6} | {'broken':>6} | rule |",
        "| ---: | ---: | --- |",
        *(f"| {rule.looked_at:>6} | {len(rule.breaches):>6} | {rule.says} |" for rule in rules),
    ]
    for rule in broken:
        lines += ["", f"## Broken: {rule.says}", "", f"To fix: {rule.fix}", ""]
        lines += [f"* {f'{breach.file}: ' if breach.file else ''}{breach.problem}" for breach in rule.breaches]
    return "\n".join([*lines, ""])


def _verdict(broken: Sequence[Rule]) -> str:
    return f"{len(broken)} rules are broken, see below" if broken else "all hold"
