"""Renders chat templates with Jinja, in the environment that transformers makes for them.

Needs `pip install jinja2==3.1.6`. Reads from standard input {"now": [year, month, …], "sources": […], "cases": [variables]},
and writes for each source the outcome of each case: {"text": …} or {"error": …}.
"""

import json
import sys
from datetime import datetime

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(Extension):
    """`{% generation %}` marks the model's own text, which changes nothing in a prompt."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def to_json(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment_at(now):
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = now.strftime
    return environment


def outcomes(environment, source, cases):
    try:
        template = environment.from_string(source)
    except Exception as error:
        return [{"error": f"{type(error).__name__}: {error}"}] * len(cases)
    return [outcome(template, case) for case in cases]


def outcome(template, case):
    try:
        return {"text": template.render(**case)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    given = json.load(sys.stdin)
    environment = environment_at(datetime(*given["now"]))
    json.dump([outcomes(environment, source, given["cases"]) for source in given["sources"]], sys.stdout)


if __name__ == "__main__":
    main()
