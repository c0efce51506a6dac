"""Renders the templates of jinja.json with Jinja itself, in the environment that transformers gives chat templates.

Needs `pip install jinja2==3.1.6`. Run as `python test/golden/jinja.py` after adding a case with a `source`: it writes what
each source renders to into `text`, or sets `raises` for one that Jinja refuses.
"""

import json
from datetime import datetime
from pathlib import Path

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

FILE = Path(__file__).with_name("jinja.json")
NOW = datetime(2026, 3, 5, 7, 8, 9)


class Generation(Extension):
    """`{% generation %}` marks what the model wrote; for a prompt it changes nothing."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
)
environment.filters["tojson"] = to_json
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = NOW.strftime


def rendered(source, variables):
    try:
        return {"source": source, "text": environment.from_string(source).render(**variables)}
    except Exception:
        return {"source": source, "raises": True}


golden = json.loads(FILE.read_text())
golden["cases"] = [rendered(case["source"], golden["variables"]) for case in golden["cases"]]
FILE.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n")
