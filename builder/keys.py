"""Keys of a spec's tables and of the user's file, and what each does, for `docs/reference.md`."""

from __future__ import annotations

VPYTHON = (
    ("source", "where packages come from, as `-vpython-source` has it"),
    ("index", "address of the package index, or the path of one; not beside `source`"),
    (
        "exclude-newer",
        "files that an index got later do not exist: a date, which counts to its end in UTC, a time with its "
        "offset (RFC 3339), or an age as `7d`",
    ),
    (
        "refresh-after",
        "the age, as `7d` or `12h`, at which the answer of an index is asked for again; offline, or where "
        "the index is away, the last one serves with one line",
    ),
    ("dev-dependencies", "requirements that `-vpython-dev` adds"),
    ("verify-platforms", "what `verify` looks at, as `linux-amd64`, or as wheels name it"),
    ("allow-startup-code", "`false` refuses wheels with code that runs at every start, as in a `.pth` file"),
    ("allow-native-code", "`false` refuses wheels with libraries, and those for one platform"),
    ("required-version", "which vpython the spec is for (PEP 440)"),
    ("store", "OCI repository, `oci://HOST/NAME`, that is asked for files by their hash before their source"),
    ("lock", "lockfile in the script itself, which `lock --embed` writes: no key for people"),
)
UV = (
    (
        "index",
        "tables of `url`, `name`, `default` and `explicit`, asked in their order; the first that has a "
        "project is asked alone",
    ),
    (
        "sources",
        "a project's own `index`, `url` or `path` of a wheel, or `git` with `rev`, `tag` or `branch` and "
        "`subdirectory`, where its `marker` holds; a `path` of a directory is an error",
    ),
    ("exclude-newer", "as that of `[tool.vpython]`"),
    ("constraint-dependencies", "narrow the versions of what is needed anyway"),
    ("override-dependencies", "replace every requirement of their projects, whoever has it"),
    ("build-constraint-dependencies", "narrow the versions of what a build requires"),
    ("no-build", "`true` forbids to build wheels from sources"),
    ("no-build-package", "forbids it for these projects"),
    ("required-version", "is about uv: checked, and nothing more"),
)
UV_REST = (
    "Other keys that change what requirements come to are named in one warning when a spec is new or has "
    "changed. `[tool.vpython]` wins over `[tool.uv]`; an index that an option or a variable names takes the "
    "place of both but for projects that `sources` gives an index."
)
USER = (
    ("source", "as `-vpython-source`"),
    ("python", "as `-vpython-python`"),
    ("build", "`false` forbids to build wheels from sources"),
    ("refresh-after", "as that of `[tool.vpython]`, which wins"),
    ("releases", "where `self` finds newer versions: a directory, or its https address"),
    ("store", "as that of `[tool.vpython]`, which wins"),
    (
        "store-trust",
        "`resolutions`: what the store has of an unlocked spec is followed; `files`, the default: it is not",
    ),
)
