"""The pages that are made of the code: settings, command line, REST, errors by code."""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupyter_gpu_containers
from jupyter_gpu_containers import errors
from jupyter_gpu_containers.cli.parser import _parser
from jupyter_gpu_containers.settings import GpuContainers
from jupyter_gpu_containers.web.contract import document

PACKAGE = Path(jupyter_gpu_containers.__file__).parent
METHODS = ("get", "post", "put", "patch", "delete")


def write(folder: Path) -> None:
    """Write all of them into a folder, which is made; a page that has not changed is left alone."""
    folder.mkdir(exist_ok=True)
    pages = {"settings": settings, "commands": commands, "rest": rest, "errors": error_codes}
    for name, page in pages.items():
        path, text = folder / f"{name}.md", page()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def _cell(text: str) -> str:
    """Text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


# --- settings ------------------------------------------------------------------------------------


def settings() -> str:
    """Every trait, in the order of its name."""
    lines = [
        "# Settings at a glance",
        "",
        "Made of the code. In full: [Configuration](../configuration.md).",
        "",
        "| setting | type | default | |",
        "|---|---|---|---|",
    ]
    for name, trait in sorted(GpuContainers.class_traits(config=True).items()):
        default = json.dumps(trait.default()) if name != "backend" else '"docker"'
        kind = type(trait).__name__
        if values := getattr(trait, "values", None):
            kind = " or ".join(f"`{json.dumps(value)}`" for value in values)
        link = f"[`{name}`](../configuration.md#{name})"
        lines.append(f"| {link} | {kind} | `{default}` | {_cell(trait.help)} |")
    return "\n".join(lines) + "\n"


# --- command line --------------------------------------------------------------------------------


def parsers() -> Iterator[argparse.ArgumentParser]:
    """The command line's parser and those of all its commands."""
    return _below(_parser())


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield from _below(child)


def commands() -> str:
    """The help of every command."""
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "92"
    try:
        parts = [
            f"## {parser.prog}\n\n```text\n{parser.format_help().rstrip()}\n```"
            for parser in parsers()
        ]
    finally:
        os.environ.pop("COLUMNS")
        if columns is not None:
            os.environ["COLUMNS"] = columns
    head = "# Commands\n\nMade of the program; `--help` behind any command shows the same."
    return "\n\n".join([head, *parts]) + "\n"


# --- REST ----------------------------------------------------------------------------------------


def rest() -> str:
    """Every path, method and object of ``openapi.yaml``."""
    api = document()
    parts = [
        "# REST",
        api["info"]["description"].strip(),
        f"All below `{api['servers'][0]['url']}`.",
    ]
    for path, item in api["paths"].items():
        for method in METHODS:
            if method in item:
                parts += _operation(path, method, item)
    parts.append("## Objects")
    for name, schema in api["components"]["schemas"].items():
        parts += _object(name, schema)
    return "\n\n".join(part for part in parts if part) + "\n"


def _operation(path: str, method: str, item: dict[str, Any]) -> list[str]:
    operation = item[method]
    parts = [f"## {method.upper()} {path}".replace("{", "\\{"), operation.get("summary", "") + "."]
    parts.append(operation.get("description", "").strip())
    rows = [
        f"| `{given['name']}` | {given['in']} | {_kind(given['schema'])} | "
        f"{_cell(given.get('description', ''))} |"
        for given in [*item.get("parameters", []), *operation.get("parameters", [])]
        if "$ref" not in given
    ]
    if rows:
        parts.append("\n".join(["| parameter | in | type | |", "|---|---|---|---|", *rows]))
    if body := operation.get("requestBody"):
        parts.append("Request: " + _content(body))
    answers = []
    for status, answer in operation["responses"].items():
        words = answer.get("description") or _named(answer["$ref"])
        content = _content(answer)
        answers.append(f"- `{status}`: {_cell(words)}{': ' + content if content else ''}")
    return [*parts, "\n".join(answers)]


def _content(holder: dict[str, Any]) -> str:
    return ", ".join(
        f"{_kind(body['schema'])} (`{kind}`)" if "schema" in body else f"`{kind}`"
        for kind, body in holder.get("content", {}).items()
    )


def _named(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value, in words, with a link to the object that it is."""
    if "$ref" in schema:
        if "/schemas/" not in schema["$ref"]:
            return _named(schema["$ref"])
        name, *inside = schema["$ref"].split("/schemas/")[1].split("/properties/")
        of = f"`{inside[0]}` of " if inside else ""
        return f"{of}[{name}](#{name.lower()})"
    if choices := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(_kind(choice) for choice in choices)
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        return "list of " + _kind(schema.get("items", {}))
    if schema.get("type") == "object" and schema.get("properties"):
        inner = "; ".join(f"`{name}`: {_kind(of)}" for name, of in schema["properties"].items())
        return f"object ({inner})"
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _object(name: str, schema: dict[str, Any]) -> list[str]:
    parts = [f"### {name}", schema.get("description", "").strip()]
    fields = schema.get("properties", {})
    if not fields:
        return [*parts, _kind(schema)]
    required = schema.get("required", [])
    rows = [
        f"| `{field}`{'' if field in required else ' (optional)'} | {_kind(of)} | "
        f"{_cell(of.get('description', ''))} |"
        for field, of in fields.items()
    ]
    return [*parts, "\n".join(["| field | type | |", "|---|---|---|", *rows])]


# --- errors --------------------------------------------------------------------------------------


def error_codes() -> str:
    """Every code with its meaning, and the sentences and hints that the code has for it."""
    classes = {
        name: of
        for name, of in vars(errors).items()
        if isinstance(of, type) and issubclass(of, errors.GpuContainersError)
    }
    said = spoken(classes)
    for of in classes.values():
        said.setdefault(of.code, [])
    meanings = {of.code: (of.__doc__ or "").split("\n\n")[0] for of in reversed(classes.values())}
    parts = [
        "# Errors by code",
        "Made of the code: what each means, and its sentences, `…` for a name or a number.",
        "It stands in `code` of REST's answers and of what `--json` prints.",
    ]
    for code in sorted(said):
        parts += [f"## {code}", " ".join(meanings.get(code, "").split())]
        parts.append("\n".join(f"- {_code(text)}{_hint(hint)}" for text, hint in said[code]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _hint(hint: str) -> str:
    return f"<br>{_code(hint)}" if hint else ""


def spoken(classes: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Sentence and hint of each place where an error is made, by code."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            of = classes.get(node.func.id)
            words = [_text(value, names) for value in node.args]
            if node.func.id == "Problem" and len(words) == 3 and re.fullmatch("[a-z_]+", words[0]):
                found.setdefault(words[0], []).append((words[1], words[2]))
            given = {word.arg: word.value for word in node.keywords}
            code = given.get("code")
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                name = code.value
            elif of is not None and code is None:
                name = of.code
            else:
                continue
            if of is None:
                continue
            message, hint = [*words, "", ""][:2]
            hint = hint or _text(given.get("hint"), names)
            entry = (message, hint)
            if re.search(r"\w", message) and entry not in found.setdefault(name, []):
                found[name].append(entry)
    return found


def _text(node: ast.AST | None, names: dict[str, ast.expr]) -> str:
    """The text that an expression makes, with … for what is not known before."""
    if isinstance(node, ast.Constant):
        return " ".join(str(node.value).split())
    if isinstance(node, ast.JoinedStr):
        parts = (str(p.value) if isinstance(p, ast.Constant) else "…" for p in node.values)
        return " ".join("".join(parts).split())
    if isinstance(node, ast.Name) and isinstance(names.get(node.id), (ast.Constant, ast.JoinedStr)):
        return _text(names[node.id], names)
    return "" if node is None else "…"
