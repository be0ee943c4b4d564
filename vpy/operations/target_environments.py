"""Environments of a spec, for one target or many, as they are pushed to a registry or bundled."""

from __future__ import annotations

import os

from vpy.errors import UserError, VpythonError
from vpy.operations import (
    expansion,
    image_pythons,
    instance_pins,
    lock_targets,
    oci_store,
    pinned_packages,
    platform_targets,
    sources,
    spec_settings,
)
from vpy.system.lean.dataclasses import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bootstrap.request import Request
    from vpy.model import Interpreter, Pin, Source, Sources, Spec, Tag, Target
    from vpy.operations.context import Context
    from vpy.operations.declared import Declared
    from vpy.packages.index.builds import Builder
    from vpy.packages.index.loader import IndexLoader
    from vpy.packages.loader import PackageLoader
    from vpy.packages.oci.environment import PackagedFile, TargetEnvironment
    from vpy.spec.lockfile.model import Lockfile


@value
class Wanted:
    """Targets that are asked for, by names of platforms and minor versions of Python; () for the one here.

    `is_every`: all that the spec is verified or locked for.
    """

    platforms: tuple[str, ...] = ()
    pythons: tuple[str, ...] = ()
    is_every: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether each of the targets is asked for by its name."""
        return not self.is_every


@value
class Built:
    """Environments of a spec, and a line for each target that is left out."""

    environments: tuple[TargetEnvironment, ...]
    warnings: tuple[str, ...]


@value
class _Target:
    tag: Tag
    interpreter: Interpreter
    target: Target | None = None  # of a text spec


def build(declared: Declared, wanted: Wanted, stage: str, request: Request, context: Context) -> Built:
    """Resolve a spec for the targets and fetch its files, into `stage` or the root.

    The manifest's Python for a target is one of them.

    Raises the error of a target that is asked for by name; one of all that lacks something is left out.
    """
    targets = _targets(declared, wanted, context)
    lockfile = _lockfile(declared)
    built, warnings = [], []
    for target in targets:
        name = str(target.tag)
        try:
            with context.terminal.status.stage(f"packages for `{name}`"):
                own_stage = os.path.join(stage, name)
                os.makedirs(own_stage, exist_ok=True)
                environment = _build(declared, target, lockfile, own_stage, context)
                built.append(_with_python(environment, declared, target, request, context))
        except VpythonError as error:
            if wanted.is_narrow or target.interpreter == declared.interpreter:
                raise type(error)([f"`{name}`: {line}" for line in error.lines], hint=error.hint) from error
            warnings.append(f"left out `{name}`: {error.lines[0]}")
    return Built(tuple(built), tuple(warnings))


def _lockfile(declared: Declared) -> Lockfile | None:
    """Return the lockfile of a spec's requirements; None where they are to be resolved."""
    from vpy.operations import lock_export

    if not declared.spec.dependencies:
        return None
    return lock_export.current_lockfile(declared.source, declared.spec, declared.interpreter)


def _targets(declared: Declared, wanted: Wanted, context: Context) -> list[_Target]:
    """Return the targets that are wanted; raise UserError for a name that is none of them."""
    from vpy.target.tags import cipd_platform

    every = _every(declared, context)
    own = every[0]
    if wanted.is_every:
        return every
    if not wanted.platforms and not wanted.pythons:
        return [own]

    def names(target: _Target) -> tuple[str, str]:
        return cipd_platform(target.tag) or target.tag.platform, target.tag.platform

    def python(target: _Target) -> str:
        return ".".join(map(str, target.interpreter.version[:2]))

    platforms = wanted.platforms or names(own)
    pythons = wanted.pythons or (python(own),)
    found = [each for each in every if set(names(each)) & set(platforms) and python(each) in pythons]
    there = {name for each in found for name in names(each)}
    missing = [name for name in wanted.platforms if name not in there]
    missing += [name for name in wanted.pythons if name not in map(python, found)]
    if missing or not found:
        known = sorted({names(each)[0] for each in every}), sorted({python(each) for each in every})
        raise UserError(
            f"the spec has no target `{(missing or platforms)[0]}`",
            hint=f"its platforms are {', '.join(known[0])}, its Pythons {', '.join(known[1])}",
        )
    return found


def _every(declared: Declared, context: Context) -> list[_Target]:
    """Return all targets of a spec, the Python here first."""
    from vpy.target import template

    here = template.target_for(declared.interpreter)
    if declared.spec.dependencies:
        others = lock_targets.targets_of(declared.spec, declared.interpreter, context)
        rest = [
            _Target(each.tag, each.interpreter)
            for each in others
            if not (each.is_own and each.python == declared.interpreter.version[:2])
        ]
        return [_Target(here.tag, declared.interpreter), *rest]
    verified = platform_targets.verified(declared.spec, context.config, declared.source.path)
    rest = [_Target(each.tag, each.interpreter, each) for each in verified if each.tag != here.tag]
    return [_Target(here.tag, declared.interpreter, here), *rest]


def _build(
    declared: Declared, target: _Target, lockfile: Lockfile | None, stage: str, context: Context
) -> TargetEnvironment:
    if declared.spec.dependencies:
        pins, paths = _requirements(declared, target, lockfile, stage, context)
    else:
        pins, paths = _packages(declared, target, stage, context)
    return of_files(declared, target.interpreter, pins, paths)


def _with_python(
    environment: TargetEnvironment, declared: Declared, target: _Target, request: Request, context: Context
) -> TargetEnvironment:
    def fetch(pin: Pin) -> str:
        assert context.manifest is not None
        return pinned_packages.fetch(pin, context.manifest, request, context)

    python = image_pythons.packaged(declared.spec, target.tag, target.interpreter, fetch, context)
    return environment if python is None else replace(environment, files=(*environment.files, python))


def of_files(
    declared: Declared, interpreter: Interpreter, pins: Sequence[Pin], paths: Sequence[str]
) -> TargetEnvironment:
    """Return the environment of a spec on a target, by its pins and their files."""
    from vpy.packages.oci import environment, image

    markers = dict(interpreter.markers)
    if declared.spec.dependencies:
        config, kind = _lock_config(declared, markers, pins, paths), image.LOCKFILE
    else:
        config, kind = environment.pins_config(pins), image.PINS
    system, architecture = environment.platform_of(markers)
    return environment.TargetEnvironment(
        spec=os.path.basename(declared.source.path),
        python=markers["python_version"],
        os=system,
        architecture=architecture,
        config=config,
        config_type=kind,
        files=tuple(_packaged(pin, path) for pin, path in zip(pins, paths, strict=True)),
        question=oci_store.question_of(declared.spec, markers),
    )


def _packaged(pin: Pin, path: str) -> PackagedFile:
    from vpy.packages.cipd.names import reference_from_id
    from vpy.packages.oci import environment, image

    sha256 = reference_from_id(pin.instance_id)[1]
    if pin.filename:
        return environment.PackagedFile(pin.filename, image.WHEEL, sha256, path)
    return environment.PackagedFile(environment.package_title(pin.name), image.PACKAGE, sha256, path)


def _requirements(
    declared: Declared, target: _Target, lockfile: Lockfile | None, stage: str, context: Context
) -> tuple[tuple[Pin, ...], tuple[str, ...]]:
    """Return the wheels that requirements come to on a target, and their files."""
    from vpy.operations import locked_wheels

    spec = spec_settings.for_target(declared.spec, target.interpreter)
    loader = _index(declared, declared.packages, target, stage, context, spec)
    if lockfile is None:
        pins = loader.resolve((), spec.dependencies).pins
    else:
        pins = loader.resolve_locked(locked_wheels.select(lockfile, target.interpreter)).pins
    return pins, loader.fetch(pins)


def _index(
    declared: Declared, packages: Sources, target: _Target, stage: str, context: Context, spec: Spec
) -> IndexLoader:
    """Return the index for a target; wheels are built for the Python here alone."""
    from vpy.operations import wheel_build

    def builder() -> Builder:
        return wheel_build.builder(packages, target.interpreter, spec, context)

    return sources.index_loader(
        packages,
        target.interpreter,
        context,
        needs_files=True,
        stage=stage,
        resolution=spec.resolution if spec.dependencies else None,
        builder=builder if target.interpreter == declared.interpreter else None,
    )


def _packages(
    declared: Declared, target: _Target, stage: str, context: Context
) -> tuple[tuple[Pin, ...], tuple[str, ...]]:
    """Return the packages that a text spec means on a target, and their files."""
    assert target.target is not None
    wanted, _ = expansion.expand(declared.spec, target.target, declared.source.path, declared.source)
    is_index = declared.packages.is_index
    locked = {} if is_index else instance_pins.beside(declared.source)
    wanted = tuple(replace(each, instance_id=locked.get((each.name, each.version))) for each in wanted)

    def of(source: Source) -> PackageLoader:
        if source.kind != "index":
            return sources.package_loader(source, context)
        beside = declared.packages.beside(source)
        return _index(declared, beside, target, stage, context, declared.spec)

    loader = sources.in_order(declared.packages, of)
    pins = loader.resolve(wanted).pins
    return pins, loader.fetch(pins)


def _lock_config(
    declared: Declared, markers: Mapping[str, str], pins: Sequence[Pin], paths: Sequence[str]
) -> bytes:
    """Return a lockfile of what is in the image, for its target alone."""
    from vpy.operations import relock
    from vpy.packages.cipd.names import reference_from_id
    from vpy.packages.oci import environment
    from vpy.spec.lockfile import write
    from vpy.spec.lockfile.model import LockedDistribution, LockedFile, Lockfile

    distributions = []
    for pin, path in sorted(zip(pins, paths, strict=True), key=lambda pair: pair[0].name):
        sha256 = reference_from_id(pin.instance_id)[1]
        name = str(pin.filename)
        file = LockedFile(name, name, sha256, os.stat(path).st_size)
        distributions.append(LockedDistribution(pin.name, pin.version, files=(file,)))
    lockfile = Lockfile(
        path="",
        format="pylock",
        digest="",
        distributions=tuple(distributions),
        requires_python=declared.spec.requires_python,
        environments=(" and ".join(f"{name} == '{markers[name]}'" for name in environment.TARGET_MARKERS),),
        requirements=relock.normalized_requirements(declared.spec.dependencies),
        settings=spec_settings.lines(declared.spec),
    )
    return write.text_of(lockfile, "pylock").encode()
