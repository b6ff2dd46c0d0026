#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what follows from api/openapi.yaml: the types of answers and a method for each operation.

usage: generate.py [--check]

Writes gpuvigil/types.py, gpuvigil/_operations.py, gpuvigil/_sync_methods.py and
gpuvigil/_async_methods.py; with --check it writes nothing and fails where one is not current.
A new route of the contract needs nothing but a run of this. What its rules cannot know stands in
the tables below, a line a case.
"""
import keyword
import pathlib
import re
import sys
import textwrap

import yaml

HERE = pathlib.Path(__file__).resolve().parent
CONTRACT = HERE.parents[1] / "api/openapi.yaml"
COLUMNS = 100
VERBS = ("get", "head", "post", "put", "patch", "delete")

# Methods are called like their operationId without a leading "get", in small letters: getKernels is
# kernels(). Others by this table.
METHOD_NAMES = {}  # operationId -> method

# An object without a name of its own is called after where it stands: SystemRoutesItem.
TYPE_NAMES = {
    "ExecutionsExecutionsItem": "Execution",
    "SamplesSamplesItem": "Sample",
}

# Parameters that name devices: their index will do.
DEVICES = ("device", "devices", "ref")

# Written by hand, in client.py and aio.py: what is no request with an answer.
BY_HAND = {"openStream": "stream"}

# Parameters that say when: they take a datetime too.
TIMES = ("since", "from", "to", "until")

HEADER = '''# SPDX-License-Identifier: Apache-2.0
# Written by clients/python/generate.py from api/openapi.yaml: run that, do not edit this.
'''


# ---- words ----


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel(name):
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", name))


def method_name(operation_id):
    """The method of both clients for an operation of the contract."""
    if operation_id in BY_HAND:
        return BY_HAND[operation_id]
    if operation_id in METHOD_NAMES:
        return METHOD_NAMES[operation_id]
    return snake(re.sub(r"^get(?=[A-Z])", "", operation_id))


def safe(name):
    """A word that Python takes as the name of a parameter."""
    plain = re.sub(r"\W", "_", name)
    return plain + "_" if keyword.iskeyword(plain) else plain


def wrapped(text, indent, first=""):
    text = " ".join(text.split())
    return textwrap.wrap(first + text, COLUMNS, initial_indent=indent, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


# ---- types ----


class Types:
    """Turns schemas into Python types; objects on the way become TypedDicts of their own."""

    def __init__(self, schemas):
        self.schemas = schemas
        self.done = {}  # name -> lines, in the order in which they were asked for

    def all(self):
        for name in self.schemas:
            self.named(name)
        return self.done

    def named(self, name):
        """Emits a schema of the contract under its own name."""
        if name in self.done:
            return name
        schema = self.schemas[name]
        if self.is_object(schema):
            self.object(name, schema)
        else:
            self.done[name] = []  # taken, should it name itself
            lines = [f"#: {line}" for line in self.note(schema)]
            self.done[name] = lines + assignment(name, self.type(schema, name))
        return name

    @staticmethod
    def note(schema):
        text = " ".join(schema.get("description", "").split())
        return textwrap.wrap(text, COLUMNS - 3) if text else []

    @staticmethod
    def is_object(schema):
        return "properties" in schema or "allOf" in schema

    def flat(self, schema):
        """(properties, required) of an object with what it is made of."""
        properties, required = {}, []
        for part in schema.get("allOf", []):
            if "$ref" in part:
                part = self.schemas[part["$ref"].rsplit("/", 1)[1]]
            more, needed = self.flat(part)
            properties.update(more)
            required += needed
        properties.update(schema.get("properties", {}))
        return properties, required + schema.get("required", [])

    def object(self, name, schema):
        if name in self.done:
            return
        self.done[name] = []
        properties, required = self.flat(schema)
        fields = {key: self.type(value, name + camel(key)) for key, value in properties.items()}
        notes = {key: value.get("description", "") for key, value in properties.items()}
        needed = {key: value for key, value in fields.items() if key in required}
        others = {key: value for key, value in fields.items() if key not in required}
        description = schema.get("description", "")
        if needed and others:
            base = f"_{name}Required"
            self.done[name] = (typed_dict(base, "TypedDict", needed, notes, "") + ["", ""]
                               + typed_dict(name, base, others, notes, description, total=False))
        elif needed:
            self.done[name] = typed_dict(name, "TypedDict", needed, notes, description)
        else:
            self.done[name] = typed_dict(name, "TypedDict", others, notes, description, total=False)
        self.done[name] = self.done.pop(name)  # behind what it is made of

    def type(self, schema, where):
        """The Python type of a schema; `where` names an object that has no name of its own."""
        if "$ref" in schema:
            return self.named(schema["$ref"].rsplit("/", 1)[1])
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "oneOf" in schema or "anyOf" in schema:
            parts = [self.type(part, where) for part in schema.get("oneOf") or schema["anyOf"]]
            return union(parts)
        kinds = schema.get("type", "object")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "enum" in schema:
            values = [value for value in schema["enum"] if value is not None]
            parts = ["Literal[" + ", ".join(f'"{value}"' if isinstance(value, str) else repr(value)
                                            for value in values) + "]"]
        else:
            parts = [self.simple(kind, schema, where) for kind in kinds if kind != "null"]
        return union(parts + (["None"] if "null" in kinds else []))

    def simple(self, kind, schema, where):
        where = TYPE_NAMES.get(where, where)
        if kind == "array":
            return f"list[{self.type(schema.get('items', {}), where + 'Item')}]"
        if kind == "object":
            if self.is_object(schema):
                self.object(where, schema)
                return where
            more = schema.get("additionalProperties")
            return f"dict[str, {self.type(more, where + 'Value') if more else 'Any'}]"
        return {"string": "str", "integer": "int", "number": "float", "boolean": "bool",
                "null": "None"}[kind]


def union(parts):
    parts = list(dict.fromkeys(parts))
    if len(parts) == 1:
        return parts[0]
    if "None" in parts and len(parts) == 2:
        return f"Optional[{[part for part in parts if part != 'None'][0]}]"
    return f"Union[{', '.join(parts)}]"


def assignment(name, value):
    line = f"{name} = {value}"
    return [line] if len(line) <= COLUMNS else broken(line, "")


def broken(line, indent):
    """A line that is too long, broken behind its outermost bracket."""
    start = line.index("[") + 1
    depth, end = 1, start
    while depth:
        depth += {"[": 1, "]": -1}.get(line[end], 0)
        end += 1
    inner = textwrap.wrap(line[start:end - 1], COLUMNS, initial_indent=indent + "    ",
                          subsequent_indent=indent + "    ", break_long_words=False)
    if any(len(one) > COLUMNS for one in inner):
        raise ValueError(f"too long to break: {line}")
    return [line[:start], *inner, indent + line[end - 1:]]


def typed_dict(name, base, fields, notes, description, total=True):
    """The lines of one class; where a field is a word of Python, of a call."""
    if any(keyword.iskeyword(key) for key in fields):
        end = "" if total else ", total=False"
        call = "TypedDict" if base == "TypedDict" else None
        assert call, f"{name}: an optional field is a word of Python"
        lines = [f'{name} = TypedDict("{name}", {{']
        lines += [f'    "{key}": {value},' for key, value in fields.items()]
        return lines + [f"}}{end})"]
    lines = [f"class {name}({base}{'' if total else ', total=False'}):"]
    if description:
        lines += docstring([description], "    ")
        lines.append("")
    for key, value in fields.items():
        lines += wrapped(notes.get(key, ""), "    #: ") if notes.get(key) else []
        line = f"    {key}: {value}"
        lines += [line] if len(line) <= COLUMNS else broken(line, "    ")
    return lines


def docstring(paragraphs, indent):
    lines = []
    for number, text in enumerate(paragraphs):
        lines += [""] if number else []
        lines += wrapped(text, indent, '"""' if number == 0 else "")
    if len(lines) == 1 and len(lines[0]) + 3 <= COLUMNS:
        return [lines[0] + '"""']
    return [*lines, indent + '"""']


# ---- operations ----


class Operation:
    """One operation of the contract, as its method needs it."""

    def __init__(self, contract, types, path, verb, spec):
        self.id = spec["operationId"]
        self.path = path
        self.verb = verb.upper()
        self.summary = spec["summary"]
        self.description = spec.get("description", "")
        self.security = spec.get("security", [])
        self.name = method_name(self.id)
        self.constant = snake(self.id).upper()
        self.types = types
        parameters = [self.resolve(contract, one) for one in spec.get("parameters", [])]
        self.in_path = [one for one in parameters if one["in"] == "path"]
        self.in_query = [one for one in parameters if one["in"] == "query"]
        self.body = self.body_of(spec)
        self.answers = self.answers_of(spec)
        self.format = next((one for one in self.in_query if one["name"] == "format"), None)

    @staticmethod
    def resolve(contract, parameter):
        if "$ref" not in parameter:
            return parameter
        return contract["components"]["parameters"][parameter["$ref"].rsplit("/", 1)[1]]

    def body_of(self, spec):
        """(name, type, wrapped member or None, needed) of the body; None where it has none."""
        body = spec.get("requestBody")
        if not body:
            return None
        schema = body["content"]["application/json"]["schema"]
        kind = self.types.type(schema, camel(self.id) + "Body")
        needed = bool(body.get("required"))
        if "$ref" in schema and needed:
            properties, _ = self.types.flat(self.types.schemas[kind])
            if len(properties) == 1:  # a list and nothing else: the method takes the list
                (member, inner), = properties.items()
                if inner.get("type") == "array":
                    element = self.types.type(inner["items"], kind + camel(member) + "Item")
                    return member, f"Iterable[types.{element}]", member, True
        return "body", self.here(kind), None, needed

    def here(self, kind):
        """A type as it is called outside types.py."""
        return re.sub(r"(?<![\w.\"'])(?=[A-Z])(?!Optional|Union|Literal|None|Any)", "types.", kind)

    def answers_of(self, spec):
        """(kind, type) of each way in which it answers well; kinds: json, text, none."""
        for status, answer in spec["responses"].items():
            if not status.startswith("2"):
                continue
            found = []
            for media, content in answer.get("content", {}).items():
                if media == "application/json":
                    kind = self.types.type(content["schema"], camel(self.id) + "Answer")
                    found.append(("json", self.here(kind)))
                else:
                    found.append(("text", "str"))
            return found or [("none", "None")]
        return [("none", "None")]

    @property
    def answer(self):
        kinds = {kind for kind, _ in self.answers}
        return "any" if len(kinds) > 1 else self.answers[0][0]

    def scopes(self):
        if not self.security:
            return "Needs no token."
        scopes = [scope for one in self.security for scope in one.get("bearer", [])]
        return f"Scope: {scopes[0]}." if scopes else "Needs no scope, but to be somebody."

    def doc(self):
        paragraphs = [self.summary + "."]
        if self.description:
            paragraphs.append(self.description)
        for one in self.in_query + self.in_path:
            if one.get("description"):
                text = one["description"].rstrip(".")
                paragraphs.append(f"`{safe(one['name'])}`: {text}.")
        paragraphs.append(f"{self.verb} {self.path}. {self.scopes()}")
        return paragraphs

    def parameter_type(self, one):
        schema = one["schema"]
        if schema.get("type") == "array" or "array" in schema.get("type", ()):
            item = schema.get("items", {})
            if "enum" in item:
                return f"Many[{self.here(self.types.type(item, 'x'))}]"
            return "Many[Union[str, int]]" if one["name"] in DEVICES else "Many[str]"
        kind = self.here(self.types.type(schema, "x"))
        return f"Union[{kind}, datetime]" if kind == "str" and one["name"] in TIMES else kind

    def signature(self, answer_format=None):
        """The parameters of the method: those of the path and the body first, the rest by name."""
        first = ["self"]
        first += [f"{safe(one['name'])}: {'Union[str, int]' if one['name'] in DEVICES else 'str'}"
                  for one in self.in_path]
        if self.body:
            name, kind, _, needed = self.body
            first.append(f"{name}: {kind}" if needed else f"{name}: Optional[{kind}] = None")
        rest = []
        for one in self.in_query:
            kind = self.parameter_type(one)
            if one["name"] == "format" and answer_format:
                rest.append(answer_format)
            elif one.get("required"):
                rest.append(f"{safe(one['name'])}: {kind}")
            else:
                rest.append(f"{safe(one['name'])}: Optional[{kind}] = None")
        return first + (["*", *rest] if rest else [])


def function(head, name, parameters, answer):
    """The lines of `def`, one parameter a line where they do not fit on one."""
    line = f"    {head} {name}({', '.join(parameters)}) -> {answer}:"
    if len(line) <= COLUMNS:
        return [line]
    lines = [f"    {head} {name}("]
    for parameter in parameters:
        whole = f"        {parameter},"
        lines += [whole] if len(whole) <= COLUMNS else broken(whole, "        ")
    return [*lines, f"    ) -> {answer}:"]


def call(operation, awaits):
    arguments = [f"op.{operation.constant}"]
    if operation.in_path:
        pairs = ", ".join(f'"{one["name"]}": {safe(one["name"])}' for one in operation.in_path)
        arguments.append(f"path={{{pairs}}}")
    if operation.in_query:
        pairs = [f'"{one["name"]}": {safe(one["name"])}' for one in operation.in_query]
        arguments.append("query={" + ", ".join(pairs) + "}")
    if operation.body:
        name, _, member, _ = operation.body
        arguments.append(f'body={{"{member}": list({name})}}' if member else f"body={name}")
    return f"{'await ' if awaits else ''}self._call", arguments


def method(operation, awaits):
    """The lines of one method; one whose answers differ by `format` gets an overload for each."""
    head = "async def" if awaits else "def"
    lines = []
    answers = dict(operation.answers)
    answer = union(list(answers.values()))
    if operation.format and "json" in answers and "text" in answers:
        choices = operation.format["schema"]["enum"]
        texts = ", ".join(f'"{choice}"' for choice in choices if choice != "json")
        for words, kind in (('format: Literal["json"] = "json"', answers["json"]),
                            (f"format: Literal[{texts}]", answers["text"])):
            lines.append("    @overload")
            lines += function(head, operation.name, operation.signature(words), kind)
            lines += ["        ...", ""]
    lines += function(head, operation.name, operation.signature(), answer)
    lines += docstring(operation.doc(), "        ")
    what, arguments = call(operation, awaits)
    if operation.answer == "none":
        start, end = f"        {what}(", ")"
    else:
        start, end = f"        return cast({answer}, {what}(", "))"
    whole = start + ", ".join(arguments) + end
    if len(whole) <= COLUMNS:
        return [*lines, whole]
    lines.append(start)
    for argument in arguments:
        more = f"            {argument},"
        if len(more) > COLUMNS:
            opening, inner = argument.split("{", 1)
            lines.append(f"            {opening}{{")
            lines += [f"                {pair}," for pair in inner[:-1].split(", ")]
            more = "            },"
        lines.append(more)
    return [*lines, "        " + end]


# ---- files ----


def used(words, text):
    """Those of the words that the text holds, as an import names them."""
    return ", ".join(word for word in words if re.search(rf"\b{word}\b", text))


def types_file(types):
    lines = []
    before = True
    for text in types.done.values():
        plain = not any(line.startswith("class ") for line in text)
        lines += ["" if plain and before else "\n", *text]
        before = plain
    body = "\n".join(lines)
    names = [f'    "{name}",' for name in sorted(types.done)]
    words = used(["Any", "Literal", "Optional", "TypedDict", "Union"], body)
    return "\n".join([
        HEADER + '"""Answers and bodies of the HTTP interface, as the contract has them."""',
        f"from typing import {words}", body, "", "__all__ = [", *names, "]"]) + "\n"


def operations_file(operations):
    lines = [HEADER + '"""Every operation of the contract that is a request with an answer."""',
             "from ._core import Operation", ""]
    for one in operations:
        words = ", ".join(f'"{word}"' for word in (one.id, one.verb, one.path, one.answer))
        line = f"{one.constant} = Operation({words})"
        lines.append(line if len(line) <= COLUMNS
                     else f"{one.constant} = Operation(\n    {words})")
    return "\n".join(lines) + "\n"


def methods_file(operations, awaits):
    title = ("A method for each operation of the contract, to be awaited." if awaits
             else "A method for each operation of the contract.")
    lines = ["", "", f"class {'Async' if awaits else 'Sync'}Methods:",
             '    """What the contract offers; the client that inherits it sends the requests."""',
             ""]
    lines += function("async def" if awaits else "def", "_call", [
        "self", "operation: Operation", "*", "path: Optional[Mapping[str, Union[str, int]]] = None",
        "query: Optional[Mapping[str, Any]] = None", "body: Any = None"], "Any")
    lines.append("        raise NotImplementedError")
    for one in operations:
        lines += ["", *method(one, awaits)]
    body = "\n".join(lines)
    words = used(["Any", "Iterable", "Literal", "Mapping", "Optional", "Union", "cast",
                  "overload"], body)
    head = [HEADER + f'"""{title}"""', *(["from datetime import datetime"]
                                        if "datetime" in body else []),
            f"from typing import {words}", "", "from . import _operations as op",
            "from . import types", f"from ._core import {used(['Many', 'Operation'], body)}"]
    return "\n".join(head) + "\n" + body.lstrip("\n").join(["\n\n", "\n"])


def operations_of(contract, types):
    for path, item in contract["paths"].items():
        for verb, spec in item.items():
            if verb in VERBS and spec["operationId"] not in BY_HAND:
                yield Operation(contract, types, path, verb, spec)


def files(contract):
    """path below gpuvigil/ -> what it is to hold."""
    types = Types(contract["components"]["schemas"])
    types.all()
    operations = list(operations_of(contract, types))
    names = [one.name for one in operations]
    double = {name for name in names if names.count(name) > 1}
    assert not double, f"two operations have one method, see METHOD_NAMES: {sorted(double)}"
    return {"types.py": types_file(types),
            "_operations.py": operations_file(operations),
            "_sync_methods.py": methods_file(operations, awaits=False),
            "_async_methods.py": methods_file(operations, awaits=True)}


def main():
    contract = yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))
    stale = []
    for name, text in files(contract).items():
        path = HERE / "gpuvigil" / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        print(f"not what follows from api/openapi.yaml: {', '.join(stale)}\n"
              "run clients/python/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
