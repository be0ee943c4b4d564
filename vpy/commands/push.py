"""`push`: environments of scripts and specs into a repository of an OCI registry."""

from __future__ import annotations

from vpy.errors import UserError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from bootstrap.request import Request
    from vpy.operations.context import Context
    from vpy.packages.oci.environment import Assembled
    from vpy.packages.oci.registry import Registry

WORKERS = 8


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Upload what the repository lacks: files first, the index by its tag last."""
    from vpy.commands.support import target_images, text_output
    from vpy.operations import sources
    from vpy.operations.root import open_root
    from vpy.packages.oci import reference
    from vpy.system import files

    *arguments.specs, address = arguments.items
    named = reference.parse(address)
    if named.digest:
        raise UserError(f"`{named}` names a digest, which only its content decides", hint="name a tag")
    open_root(context)
    if context.offline:
        raise UserError("a push needs a network", hint="run it without -vpython-offline")
    with files.staging_directory(context.layout.staging, "push-") as stage:
        assembled, built = target_images.assemble(request, arguments, stage, context)
        registry = sources.registry(str(named), context)
        with context.terminal.status.stage(f"uploading to `{named}`"):
            sent = _upload(assembled, registry, arguments.mount or (), named.tag or "latest")
        account = target_images.account(
            assembled, built, reference=str(named), digest=assembled.index.digest, sent=sent
        )
    if arguments.json:
        text_output.show_json(account)
    else:
        text_output.show(target_images.text(account))
    return 0


def _upload(assembled: Assembled, registry: Registry, mount: Sequence[str], tag: str) -> int:
    """Upload blobs, then the manifests that name them; return how many blobs were sent."""
    from vpy.packages.oci import image
    from vpy.system import threads

    configs = {
        digest: data
        for digest, data in assembled.documents.items()
        if digest not in (*assembled.manifests, assembled.index.digest)
    }
    blobs: dict[str, str | bytes] = {**configs, **assembled.files}

    def put(digest: str) -> bool:
        source = blobs[digest]
        return registry.put_blob(digest, _size(source), source, mount=mount)

    outcomes = threads.map_concurrently(sorted(blobs), put, workers=WORKERS, stop=registry.stop)
    sent = sum(outcome() for outcome in outcomes)
    for digest in assembled.manifests:
        registry.put_manifest(digest, assembled.documents[digest], image.MANIFEST)
    for question, digest in assembled.questions.items():
        registry.put_manifest(question, assembled.documents[digest], image.MANIFEST)
    registry.put_manifest(tag, assembled.documents[assembled.index.digest], image.INDEX)
    return sent


def _size(source: str | bytes) -> int:
    import os

    return len(source) if isinstance(source, bytes) else os.path.getsize(source)
