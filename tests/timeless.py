"""Result files without what tells when and how fast they were made, to compare runs."""

import json
import re

TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")


def without_times(value):
    """A JSON value without times and without how it was computed."""
    if isinstance(value, dict):
        return {
            key: without_times(entry)
            for key, entry in value.items()
            if key not in ("timestamp", "duration_seconds", "lanes", "config")
        }
    if isinstance(value, list):
        return [without_times(entry) for entry in value]
    return value


def files_of(folder):
    """Every result file with its content; of the journal the entries, in any order."""
    found = {}
    for path in sorted(folder.rglob("*.*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = without_times(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = sorted(json.dumps(entry, sort_keys=True) for entry in entries)
        elif path.suffix in (".md", ".txt", ".html"):
            found[name] = TIME.sub("TIME", path.read_text())
        else:
            found[name] = path.read_bytes()
    return found
