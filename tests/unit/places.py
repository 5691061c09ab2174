# Copyright: (c) 2026, Ringmaster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which places the calls of a package that take paths work in, found by reading the package's source.

A path is followed back to a constant: through variables, arguments of all callers, fields and properties of
dataclasses, and returned values. ``*`` in a place is a part that is not known. What cannot be followed is UNKNOWN.
"""

from __future__ import annotations

import ast
import functools
import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

UNKNOWN = "unknown"
DEPTH = 15
Places = frozenset[str]
NOWHERE: Places = frozenset()
NOT_KNOWN: Places = frozenset({UNKNOWN})

METHODS = frozenset(
    [
        "read_text",
        "write_text",
        "read_bytes",
        "write_bytes",
        "open",
        "chmod",
        "lchmod",
        "unlink",
        "rename",
        "mkdir",
        "rmdir",
        "touch",
        "symlink_to",
        "hardlink_to",
        "glob",
        "rglob",
        "iterdir",
    ]
)
# Functions, and how many of their first arguments are paths.
FUNCTIONS = {
    "os": dict.fromkeys(
        [
            "open",
            "chmod",
            "chown",
            "lchown",
            "unlink",
            "remove",
            "mkdir",
            "makedirs",
            "rmdir",
            "mkfifo",
            "mknod",
            "listdir",
            "scandir",
            "walk",
            "fwalk",
            "truncate",
            "utime",
            "setxattr",
        ],
        1,
    )
    | dict.fromkeys(["rename", "replace", "symlink", "link"], 2),
    "shutil": dict.fromkeys(
        [
            "copy",
            "copy2",
            "copyfile",
            "copytree",
            "move",
            "copymode",
            "copystat",
        ],
        2,
    )
    | {"rmtree": 1, "chown": 1},
    "glob": {"glob": 1, "iglob": 1},
    "sqlite3": {"connect": 1},
}
SAME = frozenset(["absolute", "resolve", "expanduser", "with_suffix", "as_posix", "copy"])
THROUGH = frozenset(
    [
        "Path",
        "PurePath",
        "str",
        "sorted",
        "list",
        "tuple",
        "reversed",
        "set",
        "iter",
        "next",
        "enumerate",
    ]
)
CONSTANTS = {"os.devnull": "/dev/null", "__file__": "/usr/lib/ringmaster/python/ringmaster/part/file.py"}
BY_DESCRIPTOR = frozenset({"dir_fd", "src_dir_fd"})


@dataclass
class Module:
    """One file: its functions (methods as ``Class.method``), and what its names stand for."""

    name: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


Source = tuple[Module, ast.FunctionDef | None, ast.expr]


@dataclass(frozen=True)
class Use:
    """A call that works by a path: where it is written, what it says, and in which places it may work."""

    module: str
    function: str
    line: int
    text: str
    places: Places

    @property
    def where(self) -> str:
        """Its function."""
        return f"{self.module}:{self.function}"


class Package:
    """All files of a package, read together."""

    def __init__(
        self, folder: Path, name: str, given: Mapping[str, str] | None = None, without: Collection[str] = ()
    ) -> None:
        """Read ``folder``, which is imported as ``name``, ``without`` some of its parts.

        ``given`` says what cannot be followed: ``module:expression`` to its place, such as a path of a command line.
        """
        self._given = given or {}
        self.modules: dict[str, Module] = {}
        self._sites: dict[tuple[str, str], list[tuple[Module, ast.FunctionDef | None, ast.Call, int]]] = {}
        self._fields: dict[tuple[str, str], list[Source]] = {}
        self._methods: dict[str, list[tuple[Module, str]]] = {}
        self._known: dict[tuple[int, int], Places] = {}
        self._seen: set[tuple[int, int]] = set()
        self._grew = True
        trees = {}
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if dotted.partition(".")[0] in without:
                continue
            trees[dotted] = ast.parse(path.read_text(encoding="utf-8"))
            self.modules[dotted] = self._read(dotted, trees[dotted], name, is_package=parts[-1] == "__init__")
        for module in self.modules.values():
            for function in (one for one in module.functions if "." in one):
                self._methods.setdefault(function.rpartition(".")[2], []).append((module, function))
        self._calls: list[tuple[Module, ast.FunctionDef | None, str, ast.Call]] = []
        for dotted, tree in trees.items():
            self._collect(self.modules[dotted], tree, None, "")
        for module, caller, _shown, call in self._calls:
            is_partial = isinstance(call.func, ast.Name) and call.func.id == "partial" and bool(call.args)
            for other, called in self._targets(module, call.args[0] if is_partial else call.func):
                self._sites.setdefault((other.name, called), []).append((module, caller, call, int(is_partial)))

    def _read(self, dotted: str, tree: ast.Module, package: str, *, is_package: bool) -> Module:
        module = Module(dotted)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                origin = (node.module or "").removeprefix(package).strip(".")
                if node.level:
                    parts = dotted.split(".")[: len(dotted.split(".")) - node.level + int(is_package)]
                    origin = ".".join([*parts, *([node.module] if node.module else [])])
                elif not (node.module or "").startswith(package):
                    continue
                module.imported |= {one.asname or one.name: (origin, one.name) for one in node.names}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                module.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                module.classes[node.name] = node
                module.functions |= {
                    f"{node.name}.{one.name}": one for one in node.body if isinstance(one, ast.FunctionDef)
                }
            elif isinstance(node, ast.Assign):
                module.constants |= {one.id: node.value for one in node.targets if isinstance(one, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                module.constants[node.target.id] = node.value
        return module

    def _collect(self, module: Module, node: ast.AST, function: ast.FunctionDef | None, shown: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                self._collect(module, child, child, f"{shown}.{child.name}".strip("."))
                continue
            if isinstance(child, ast.ClassDef):
                self._collect(module, child, function, f"{shown}.{child.name}".strip("."))
                continue
            if isinstance(child, ast.Call):
                self._calls.append((module, function, shown, child))
            self._collect(module, child, function, shown)

    def uses(self) -> list[Use]:
        """Return every call that works by a path, unless it works by the descriptor of an open folder."""
        found: list[Use] = []
        while self._grew:  # functions call each other in circles: look again until nothing new is seen
            self._grew = False
            self._seen.clear()
            found = [
                Use(module.name, shown, call.lineno, ast.unparse(call), self._value(module, function, one) or NOT_KNOWN)
                for module, function, shown, call in self._calls
                if not BY_DESCRIPTOR & {one.arg for one in call.keywords}
                for one in self._paths(module, call)
            ]
        return found

    def _paths(self, module: Module, call: ast.Call) -> list[ast.expr]:
        """Return the paths that a call takes."""
        named = call.func
        if isinstance(named, ast.Name):
            return call.args[:1] if named.id == "open" else []
        if not isinstance(named, ast.Attribute):
            return []
        if isinstance(named.value, ast.Name) and named.value.id in FUNCTIONS:
            number = FUNCTIONS[named.value.id].get(named.attr, 0)
            return [one for one in call.args[:number] if not isinstance(one, ast.Starred)]
        if isinstance(named.value, ast.Name) and named.value.id in module.imported and named.attr not in METHODS:
            return []
        if named.attr in METHODS:
            return [named.value, *(call.args[:1] if named.attr in ("rename", "hardlink_to") else [])]
        # Of a text, it would take two arguments.
        return (
            [named.value, call.args[0]] if named.attr == "replace" and len(call.args) == 1 and not call.keywords else []
        )

    # What an expression stands for.

    def _value(self, module: Module, function: ast.FunctionDef | None, node: ast.expr) -> Places:
        key = (id(node), id(function))
        if key not in self._seen:
            self._seen.add(key)
            found = self._found(module, function, node) | self._known.get(key, NOWHERE)
            self._grew |= found != self._known.get(key)
            self._known[key] = found
        return self._known.get(key, NOWHERE)

    def _found(self, module: Module, function: ast.FunctionDef | None, node: ast.expr) -> Places:
        if isinstance(node, ast.Name | ast.Attribute):
            given = self._given.get(f"{module.name}:{ast.unparse(node)}") or CONSTANTS.get(ast.unparse(node))
            if given:
                return frozenset({given})

        def value(one: ast.expr) -> Places:
            return self._value(module, function, one)

        match node:
            case ast.Constant(value=None):
                return NOWHERE
            case ast.Constant(value=str(text)):
                return frozenset({posixpath.normpath(text)}) if text.startswith("/") else NOT_KNOWN
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if text.startswith("/"):
                return frozenset({f"{text.rpartition('/')[0]}/*"})
            case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
                return _joined(value(first), "*")
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                name = right.value if isinstance(right, ast.Constant) and isinstance(right.value, str) else "*"
                return NOT_KNOWN if name.startswith("/") else _joined(value(left), name)
            case ast.BinOp(left=left, op=ast.Add(), right=_):
                return _joined(value(left), "*")
            case ast.IfExp(body=body, orelse=orelse):
                return value(body) | value(orelse)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values) | ast.Set(elts=values):
                return frozenset().union(*(value(one) for one in values if not _is_none(one)))
            case ast.NamedExpr(value=inner) | ast.Starred(value=inner) | ast.Subscript(value=inner):
                return value(inner)
            case ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner) | ast.SetComp(elt=inner):
                return value(inner)
            case ast.Name(id=name):
                return self._name(module, function, name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in module.imported:
                origin, inner_name = module.imported[name]
                other = self.modules.get(f"{origin}.{inner_name}".strip("."))
                return self._name(other, None, attribute) if other else NOT_KNOWN
            case ast.Attribute(value=inner, attr="parent"):
                return frozenset(one if one == UNKNOWN else posixpath.dirname(one) for one in value(inner))
            case ast.Attribute(value=inner, attr="name" | "path") if UNKNOWN not in value(inner):
                return value(inner)
            case ast.Attribute(attr=attribute):
                return self._field(module, attribute)
            case ast.Call():
                return self._returned(module, function, node)
        return NOT_KNOWN

    def _returned(self, module: Module, function: ast.FunctionDef | None, call: ast.Call) -> Places:
        named = call.func
        last = named.id if isinstance(named, ast.Name) else named.attr if isinstance(named, ast.Attribute) else ""
        if last in THROUGH and isinstance(named, ast.Name) and call.args:
            return self._value(module, function, call.args[0])
        if last == "map" and len(call.args) == 2:
            return self._value(module, function, call.args[1])
        if last in ("mkdtemp", "mkstemp", "TemporaryDirectory", "NamedTemporaryFile"):
            given = [one.value for one in call.keywords if one.arg == "dir"]
            # Without a folder: a new one in /tmp that nobody else may enter.
            return _joined(self._value(module, function, given[0]), "*") if given else frozenset({"/tmp/private/*"})
        if isinstance(named, ast.Attribute):
            if last in SAME:
                return self._value(module, function, named.value)
            if last == "at" and len(call.args) == 1:  # a path below a root, which is ``/`` but in tests
                return self._value(module, function, call.args[0])
            if last == "with_name":
                return frozenset(
                    one if one == UNKNOWN else f"{posixpath.dirname(one)}/*"
                    for one in self._value(module, function, named.value)
                )
            if last in ("glob", "rglob", "iterdir", "joinpath", "relative_to"):
                return _joined(self._value(module, function, named.value), "*")
            if last in ("walk", "scandir") and call.args:
                return _joined(self._value(module, function, call.args[0]), "*")
        targets = self._targets(module, named)
        if not targets:
            return NOT_KNOWN
        found: Places = NOWHERE
        for other, name in targets:
            if name not in other.functions:
                return NOT_KNOWN
            body = other.functions[name]
            answers = [
                one.value for one in ast.walk(body) if isinstance(one, ast.Return | ast.Yield) and one.value is not None
            ]
            answers = [one for one in answers if not _is_none(one)]
            found = found.union(*(self._value(other, body, one) for one in answers)) if answers else NOT_KNOWN
        return found

    def _targets(self, module: Module, named: ast.expr) -> list[tuple[Module, str]]:
        """Return the functions, methods and classes that a call may mean."""
        if isinstance(named, ast.Name):
            origin, name = (module.name, named.id)
            if name not in module.functions and name not in module.classes:
                origin, name = module.imported.get(named.id, ("?", ""))
        elif not isinstance(named, ast.Attribute):
            return []
        elif isinstance(named.value, ast.Name) and named.value.id in module.imported:
            origin, name = ".".join(module.imported[named.value.id]).strip("."), named.attr
        elif isinstance(named.value, ast.Name) and named.value.id in FUNCTIONS:
            return []
        else:
            part = module.name.partition(".")[0]
            methods = self._methods.get(named.attr, [])
            return [(one, name) for one, name in methods if one.name.partition(".")[0] == part]
        other = self.modules.get(origin)
        return [(other, name)] if other and (name in other.functions or name in other.classes) else []

    def _field(self, module: Module, attribute: str) -> Places:
        """Return what a field or a property of that name means in the classes of the same part."""
        part = module.name.partition(".")[0]
        if (part, attribute) not in self._fields:
            self._fields[part, attribute] = self._sources_of_field(part, attribute)
        sources = self._fields[part, attribute]
        return self._union(sources) if sources else NOT_KNOWN

    def _sources_of_field(self, part: str, attribute: str) -> list[Source]:
        sources: list[Source] = []
        for other in (one for one in self.modules.values() if one.name.partition(".")[0] == part):
            for name, one in other.classes.items():
                names = [line.target.id for line in one.body if _is_field(line)]
                if attribute in names:
                    sources += self._arguments((other.name, name), attribute, names.index(attribute))
                for line in one.body:
                    if _is_field(line) and line.target.id == attribute and line.value is not None:
                        sources.append((other, None, line.value))
                    elif isinstance(line, ast.FunctionDef) and line.name == attribute and line.decorator_list:
                        returned = [inner.value for inner in ast.walk(line) if isinstance(inner, ast.Return)]
                        sources += [(other, line, answer) for answer in returned if answer]
                    elif isinstance(line, ast.FunctionDef):
                        sources += [
                            (other, line, inner.value)
                            for inner in ast.walk(line)
                            if isinstance(inner, ast.Assign)
                            and any(ast.unparse(target) == f"self.{attribute}" for target in inner.targets)
                        ]
        return [one for one in sources if not _is_none(one[2])]

    def _union(self, sources: list[Source]) -> Places:
        return NOWHERE.union(*(self._value(*one) for one in sources))

    def _arguments(self, called: tuple[str, str], parameter: str, position: int | None) -> list[Source]:
        """Return what all callers give for a parameter; None for a position: by its name only."""
        found: list[Source] = []
        for module, function, call, skipped in self._sites.get(called, []):
            given = [one.value for one in call.keywords if one.arg == parameter]
            arguments = call.args[skipped:]
            if not given and position is not None and position < len(arguments):
                given = [arguments[position]]
            found += [(module, function, one) for one in given if not _is_none(one)]
        return found

    def _name(self, module: Module, function: ast.FunctionDef | None, name: str) -> Places:
        if function is not None:
            sources: list[Source] = [(module, function, one) for one in _assigned(function, name)]
            arguments = [*function.args.posonlyargs, *function.args.args]
            offset = int(bool(arguments) and arguments[0].arg in ("self", "cls"))
            defaults = [*[None] * (len(arguments) - len(function.args.defaults)), *function.args.defaults]
            for number, argument in enumerate([*arguments, *function.args.kwonlyargs]):
                if argument.arg == name and number >= offset:
                    called = next((one for one, body in module.functions.items() if body is function), function.name)
                    called = called.removesuffix(".__init__")
                    sources += self._arguments(
                        (module.name, called), name, number - offset if number < len(arguments) else None
                    )
                    default = [*defaults, *function.args.kw_defaults][number]
                    if default is not None and not _is_none(default):
                        sources.append((module, None, default))
                    return self._union(sources) if sources or default is not None else NOT_KNOWN
            if sources:
                return self._union(sources)
            # A function in a function sees the names of the outer one.
            for outer in module.functions.values():
                if outer is not function and any(inner is function for inner in ast.walk(outer)):
                    return self._name(module, outer, name)
        if name in module.constants:
            return self._value(module, None, module.constants[name])
        origin, inner_name = module.imported.get(name, ("", ""))
        other = self.modules.get(origin)
        return self._name(other, None, inner_name) if other and other is not module else NOT_KNOWN


@functools.cache
def _assigned(function: ast.FunctionDef, name: str) -> tuple[ast.expr, ...]:
    """Return what is assigned to a local name."""
    return tuple(_assignments(function, name))


def _assignments(function: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        pairs: list[tuple[ast.expr, ast.expr]] = []
        match node:
            case ast.Assign(targets=targets, value=value):
                pairs = [(target, value) for target in targets]
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                pairs = [(target, value)]
            case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                pairs = [(target, value)]
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                pairs = [(target, value)]
        for target, value in pairs:
            if isinstance(target, ast.Name) and target.id == name:
                yield value
            elif isinstance(target, ast.Tuple):
                names = [one.id if isinstance(one, ast.Name) else "" for one in target.elts]
                if name in names:
                    yield from _unpacked(value, names.index(name), len(names))


def _unpacked(value: ast.expr, number: int, length: int) -> Iterator[ast.expr]:
    """Yield the ``number``-th of what is unpacked from a value, or from each item of a literal."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "tempfile.mkstemp":
        yield value
        return
    items = [value, *value.elts] if isinstance(value, ast.Tuple | ast.List) else [value]
    for item in items:
        if isinstance(item, ast.Tuple | ast.List) and len(item.elts) == length:
            yield item.elts[number]
            return
    # os.walk gives the folder first; of other functions nothing is known.
    yield value if number == 0 else ast.Constant(value=None)


def _joined(places: Places, name: str) -> Places:
    if ".." in name.split("/"):
        return NOT_KNOWN
    # A path that a loop makes longer and longer is not known from some depth on.
    return frozenset(
        one
        if one == UNKNOWN or one.endswith("/*")
        else f"{one}/{name if one.count('/') < DEPTH else '*'}".replace("//", "/")
        for one in places
    )


def _is_field(line: ast.stmt) -> TypeGuard[ast.AnnAssign]:
    return isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
