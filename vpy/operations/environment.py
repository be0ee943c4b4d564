"""Environment of a plan and its wheels: its key, its files, and whether it is whole."""

from __future__ import annotations

import os
import sys

from bootstrap import unsettled
from vpy.errors import ToolError
from vpy.operations import settle
from vpy.operations import wheel_set as wheel_sets
from vpy.system import fork
from vpy.system.layout import HOOK_PTH
from vpy.system.lean import contextlib
from vpy.system.lean.dataclasses import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vpy.environment.venv_template import VenvTemplate
    from vpy.model import Interpreter
    from vpy.operations.context import Context
    from vpy.operations.plan import Plan
    from vpy.operations.wheel_set import WheelSet

MOST_NAMED = 3


@value
class Environment:
    """Environment in the root; `is_new` says whether this process built it.

    `is_pure` is False where it has got what its key does not say, and is in use, so that it stays.
    """

    path: str
    key: str
    is_new: bool
    is_pure: bool = True


@value
class PendingTemplate:
    """Venv template of a base Python that may still be in the making; `identity` names it in the root.

    `seeds` are the wheels that its environments find behind their own packages.
    """

    interpreter: Interpreter
    identity: str
    seeds: tuple[str, ...]
    wait: Callable[[], object]

    def get(self, context: Context) -> VenvTemplate:
        """Wait for the template and return it; make it here where that failed."""
        from vpy.environment import venv_template

        with contextlib.suppress(ToolError, OSError):
            self.wait()
        return venv_template.ensure(
            self.interpreter, self.identity, context.layout, context.environ, self.seeds
        )


@contextlib.contextmanager
def template_ahead(plan: Plan, context: Context) -> Iterator[PendingTemplate]:
    """Make the venv template of a new base Python in a second process, while the wheels are fetched."""
    from vpy.environment import venv_template

    interpreter = plan.interpreter
    seeds = seeds_of(plan, context)
    identity = venv_template.identity(interpreter, seeds)
    path = context.layout.interpreter(identity)
    if venv_template.exists(path) or not fork.is_worthwhile():
        yield PendingTemplate(interpreter, identity, seeds, lambda: None)
        return

    unsettled.mark(context.layout.root, "build")
    # The staging directory belongs to this process: the other one is ended wherever it is, and may
    # leave files in it.
    with (
        venv_template.staging(context.layout) as stage,
        fork.in_child(
            lambda: venv_template.build(interpreter, stage, path, context.environ, seeds), nice=10
        ) as wait,
    ):
        yield PendingTemplate(interpreter, identity, seeds, wait)


def seeds_of(plan: Plan, context: Context) -> tuple[str, ...]:
    """Return the wheels that the environment of a text spec gets besides its own."""
    if plan.discovery.source.format != "text":
        return ()
    from vpy.environment import seeds

    return seeds.wheels_of(plan.interpreter, context.app)


def ensure(plan: Plan, wheels: WheelSet, template: PendingTemplate, context: Context) -> Environment:
    """Return the environment of a plan, built where it is missing or damaged."""
    from vpy.environment import build

    for note in wheels.notes:
        context.terminal.info(note)
    context.terminal.debug(f"wheels: {len(wheels.wheels)} in the store")

    ingredients = ingredients_of(plan, wheels, context, template.identity)
    key = build.key_of(ingredients)
    path = context.layout.environment(key)
    lasting = os.path.join(dict(plan.interpreter.scheme)["purelib"], HOOK_PTH)
    token = unsettled.token()
    watched = watched_directories(plan.interpreter)

    def foreign() -> str | None:
        return foreign_files(path, watched, plan, wheels, template.identity, context)

    with build.building(
        key,
        why_json(plan, wheels, ingredients),
        mark=token or lasting,
        watched=watched,
        missing_file=lambda: missing_file(path, plan, wheels, template.identity, context),
        foreign=foreign,
        layout=context.layout,
        terminal=context.terminal,
    ) as directory:
        if directory is not None:
            unsettled.mark(context.layout.root, "build")
            with context.terminal.status.stage("making the environment"):
                fill(directory, path, plan, wheels, template, context)
            if token is None:
                unsettled.sync(context.layout.root)

    settle.later(path, lasting)
    is_new = directory is not None
    context.terminal.debug(f"environment: `{path}` ({'made' if is_new else 'found'})")
    return Environment(path=path, key=key, is_new=is_new, is_pure=is_new or not foreign())


def ingredients_of(
    plan: Plan, wheels: WheelSet, context: Context, template: str | None = None
) -> dict[str, object]:
    """Return what the environment's key is made of; `template` is the template's identity, where known."""
    from vpy.environment import build, venv_template

    return build.ingredients(
        plan.interpreter,
        template or venv_template.identity(plan.interpreter, seeds_of(plan, context)),
        [(wheel.filename, wheel.sha256) for wheel in wheels.wheels],
    )


def fill(
    directory: str,
    final: str,
    plan: Plan,
    wheels: WheelSet,
    template: PendingTemplate,
    context: Context,
) -> None:
    """Clone the venv template into `directory`, to be renamed to `final`, and link every wheel into it.

    A stored wheel that has been damaged is installed again, once.
    """
    from vpy.environment import venv_template
    from vpy.wheels import link, script

    limits = script.limits_of(context.config, sys.platform)
    python = python_in(final, plan.interpreter)
    venv = template.get(context)
    venv_template.clone(venv, directory, final)
    context.terminal.debug("venv: cloned")

    for attempt in (1, 2):
        stored = wheel_sets.install(plan, wheels, context)
        try:
            link.link(stored, final, directory, python, limits=limits)
            venv_template.offer(venv, directory)
            context.terminal.debug(f"venv: {len(stored)} wheels linked")
            return
        except link.StaleWheel as stale:
            if attempt == 2:
                raise
            context.terminal.info(f"{stale.message}; making it again")


def python_in(environment: str, interpreter: Interpreter) -> str:
    """Return the path of the environment's Python, by the scheme of its system."""
    scripts = dict(interpreter.scheme)["scripts"]
    name = "python.exe" if interpreter.platform.startswith("win") else "python"
    return os.path.join(environment, *scripts.split("/"), name)


def missing_file(path: str, plan: Plan, wheels: WheelSet, template: str, context: Context) -> str | None:
    """Return the first file, relative, that the environment at `path` lacks; None for none."""
    from vpy.environment import venv_template, verify
    from vpy.wheels import audit, script

    python = python_in(path, plan.interpreter)
    stored_template = venv_template.load(context.layout.interpreter(template))
    if stored_template is not None and (missing := verify.missing_file(stored_template, path, python)):
        return missing

    limits = script.limits_of(context.config, sys.platform)
    for tree in wheel_sets.trees(wheels, plan.interpreter, context.layout):
        if missing := audit.missing_file(tree, path, python, limits):
            return missing
    return None


def watched_directories(interpreter: Interpreter) -> tuple[str, ...]:
    """Return the directories, relative, in which something new shows that an environment was changed."""
    scheme = dict(interpreter.scheme)
    return tuple(dict.fromkeys(scheme[key] for key in ("purelib", "platlib", "scripts")))


def foreign_files(
    path: str, watched: Sequence[str], plan: Plan, wheels: WheelSet, template: str, context: Context
) -> str | None:
    """Return what somebody put into the environment at `path`, and where to declare it instead, or None.

    While the watched directories are as they are known nothing more is looked at.
    """
    from vpy.environment import build, venv_template, verify
    from vpy.wheels import audit

    times = build.listed(path, watched)
    if not times or times == build.known_listing(path):
        return None
    stored_template = venv_template.load(context.layout.interpreter(template))
    if stored_template is None:
        return None
    known = verify.template_paths(stored_template)
    for tree in wheel_sets.trees(wheels, plan.interpreter, context.layout):
        known |= audit.paths(tree)
    found = verify.foreign_names(path, watched, known)
    if not found:
        build.note_listing(path, times)
        return None
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    names = ", ".join(f"`{name}`" for name in found[:MOST_NAMED])
    spec = plan.discovery.source.path
    where = f"`{spec}`" if spec else "a spec, such as a `# /// script` block"
    return f"{names}{more}, to be declared in {where}"


def why_json(plan: Plan, wheels: WheelSet, ingredients: Mapping[str, object]) -> dict[str, object]:
    """Return the contents of `why.json`: the key's ingredients, and where they came from."""
    source, lockfile = plan.discovery.source, plan.lockfile
    return {
        "ingredients": ingredients,
        "source": str(plan.sources),
        "spec": {
            "kind": source.kind,
            "format": source.format,
            "path": source.path,
            "text": source.text,
            "included": source.included,
        },
        "added": plan.added,
        "lockfile": lockfile and {"path": lockfile.path, "digest": lockfile.digest},
        "origin": {} if plan.origin is None else {"kind": plan.origin.kind, "path": plan.origin.path},
        "packages": [
            {"name": pin.name, "version": pin.version, "instance_id": pin.instance_id, "source": pin.origin}
            for pin in wheels.pins
        ],
    }
