"""Upload of environments into a repository: what has no name yet first, what names it last."""

from __future__ import annotations

import os

from vpy.packages.oci import image
from vpy.system import threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpy.packages.oci.environment import Assembled
    from vpy.packages.oci.registry import Registry

WORKERS = 8


def push(assembled: Assembled, registry: Registry, *, tag: str | None, mount: Sequence[str] = ()) -> int:
    """Upload the blobs that a repository lacks, then the manifests, the index by its tag last.

    Without a `tag` no index is written: images are found by what they answer. `mount` are repositories of the
    same registry that may have the blobs. Return how many blobs were sent.
    """
    documents = {*assembled.manifests, assembled.index.digest}
    configs = {digest: data for digest, data in assembled.documents.items() if digest not in documents}
    blobs: dict[str, str | bytes] = {**configs, **assembled.files}

    def put(digest: str) -> bool:
        content = blobs[digest]
        size = len(content) if isinstance(content, bytes) else os.path.getsize(content)
        return registry.put_blob(digest, size, content, mount=mount)

    outcomes = threads.map_concurrently(sorted(blobs), put, workers=WORKERS, stop=registry.stop)
    sent = sum(outcome() for outcome in outcomes)

    for digest in assembled.manifests:
        registry.put_manifest(digest, assembled.documents[digest], image.MANIFEST)
    for question, digest in assembled.questions.items():
        registry.put_manifest(question, assembled.documents[digest], image.MANIFEST)
    if tag is not None:
        registry.put_manifest(tag, assembled.documents[assembled.index.digest], image.INDEX)
    return sent
