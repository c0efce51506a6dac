"""Renders the templates of jinja.json with Jinja itself, in the environment that transformers gives chat templates.

Needs `pip install jinja2==3.1.6`. Run as `python test/golden/jinja.py` after adding a case with a `source`: it writes what
each source renders to into `text`, or sets `raises` for one that Jinja refuses.
"""

import json
import sys
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "bench" / "templates"))
from render import environment_at  # noqa: E402

FILE = Path(__file__).with_name("jinja.json")
environment = environment_at(datetime(2026, 3, 5, 7, 8, 9))


def rendered(source, variables):
    try:
        return {"source": source, "text": environment.from_string(source).render(**variables)}
    except Exception:
        return {"source": source, "raises": True}


golden = json.loads(FILE.read_text())
golden["cases"] = [rendered(case["source"], golden["variables"]) for case in golden["cases"]]
FILE.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
