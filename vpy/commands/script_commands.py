"""Rows of the commands' table that are about one script or project: its spec, its environment, its name."""

from __future__ import annotations

from vpy.commands.arguments import Command, Example, Option, Positional, cutoff

# In front of `-vpython-tool` too, where the original takes it.
KEEP_LEGACY = Option(
    "--keep-legacy",
    "keep the text specs that `--legacy` converts",
    aliases=("-keep-legacy", "-vpython-keep-legacy", "--vpython-keep-legacy"),
)
SPEC_FILE = "script or spec, where the first word is one; else the vpython.toml from here up"
SPEC_FILES = "scripts that have a spec, or specs; without one the vpython.toml from here up"
TARGETS = (
    Option("--all", "for every platform and Python that `verify` and `lock` look at"),
    Option(
        "--platform",
        "for this platform, as `linux-amd64`",
        metavar="PLATFORM",
        default="that of this machine",
        is_repeated=True,
    ),
    Option(
        "--python-version",
        "for this minor version, as `3.12`",
        metavar="VERSION",
        default="that of the Python here",
        is_repeated=True,
    ),
)
SCRIPT_COMMANDS = (
    Command(
        name="add",
        summary="add requirements to a script or vpython.toml",
        description=(
            "Resolves the spec with the requirements added, and only then writes them into the PEP 723 "
            "block, the vpython.toml or the text spec that counts for FILE; comments and order stay. A "
            "script without a spec gets a block. A requirement without a version gets the one that it "
            "came to as its lower bound; one of a project that already exists takes its place. A text "
            "spec takes NAME==VERSION or PACKAGE@VERSION."
        ),
        positionals=(Positional("items", "[FILE] REQUIREMENT", SPEC_FILE, count="+"),),
        options=(Option("--dev", "to `dev-dependencies` of `[tool.vpython]`, which `-vpython-dev` adds"),),
        examples=(
            Example("add s.py requests", "the newest version that fits, and no older one"),
            Example("add s.py 'rich>=13,<15' humanize", "two at once, or none"),
            Example("add --dev pytest", "to the vpython.toml here or above"),
        ),
    ),
    Command(
        name="bundle",
        summary="put environments into one file to carry",
        description=(
            "Resolves scripts or specs as a start would, by their lockfiles where they have some, and writes "
            "their wheels and packages with vpython itself into one archive: an OCI image layout. "
            "`-vpython-source oci:KIT.tar` makes the environment from it and asks nobody, wherever a Python "
            "of the same minor version is; the archive may be unpacked first, on a read-only medium too, "
            "and `run SCRIPT` in it does that. `skopeo copy oci-archive:KIT.tar docker://…` moves it to a "
            "registry. The same content makes the same bytes."
        ),
        positionals=(Positional("specs", "SCRIPT|SPEC", SPEC_FILES, count="*"),),
        options=(
            Option("--output", "write this archive", metavar="FILE", short="-o"),
            Option(
                "--self",
                "write a program instead that runs the one script, for any Python 3 and one target",
                metavar="FILE",
            ),
            *TARGETS,
        ),
        one_of=("--output", "--self"),
        examples=(
            Example("bundle tool.py --self tool.pyz", "a file to hand out: `./tool.pyz` runs it"),
            Example("bundle tool.py -o kit.tar", "for machines like this one"),
            Example(
                "bundle tool.py -o kit.tar --platform windows-amd64 --python-version 3.12", "for another one"
            ),
        ),
    ),
    Command(
        name="config",
        summary="show each setting, and where it comes from",
        description=(
            "Shows what is in force for a start, and by which option, variable or file: the spec's "
            "`source`, the user's configuration file (`config.toml` in `vpython` of `XDG_CONFIG_HOME`, by "
            "default ~/.config; its keys are `source` and `python`), or the built-in default."
        ),
        examples=(
            Example("config", "what is in force here"),
            Example("config s.py", "with what the spec of a script says"),
        ),
        takes_python=True,
    ),
    Command(
        name="export",
        summary="print a lockfile in another format",
        description=(
            "Prints the lockfile of a spec as PEP 751 has it (`pylock`), as a requirements file with hashes "
            "(`requirements`), or as constraints without any (`constraints`). The versions are those of the "
            "lockfile; where it does not name its files or markers, as uv's own and requirements files do "
            "not, the index is asked for them. It must be current."
        ),
        positionals=(Positional("specs", "SCRIPT|SPEC", "script that has a spec, or a spec", count="?"),),
        options=(
            Option(
                "--format",
                "what to print",
                metavar="FORMAT",
                choices=("pylock", "requirements", "constraints"),
                default="requirements",
            ),
            Option("--output", "write to this file", metavar="FILE", short="-o"),
        ),
        examples=(
            Example("export s.py > requirements.txt", "for `pip install --require-hashes -r`"),
            Example("export --format pylock -o pylock.toml", "for the vpython.toml here"),
        ),
        reports=False,
    ),
    Command(
        name="init",
        summary="begin a script or a vpython.toml",
        description=(
            "Writes an executable script with a PEP 723 block, or with a name that ends with .toml a "
            "vpython.toml. A script that already exists gets the block, and is made executable."
        ),
        positionals=(Positional("file", "FILE", "script, or vpython.toml"),),
        options=(
            Option(
                "--requires-python",
                "what `requires-python` says",
                metavar="SPECIFIER",
                default="that of this machine",
            ),
        ),
        examples=(
            Example("init s.py", "a script that runs as ./s.py"),
            Example("init vpython.toml --requires-python '>=3.11'", "a project"),
        ),
    ),
    Command(
        name="link",
        summary="make a command on PATH that starts a script",
        description=(
            "Makes the environment of SCRIPT and a small launcher with the script's name without its "
            "ending. The launcher starts the script where it lies: an edit of it needs no new link."
        ),
        positionals=(Positional("script", "SCRIPT", "script to start"),),
        options=(
            Option("--name", "name of the command", metavar="NAME", default="that of the script"),
            Option("--directory", "directory of the launcher", metavar="DIR", default="~/.local/bin"),
        ),
        examples=(Example("link tools/report.py --name report", "`report` runs it from anywhere"),),
    ),
    Command(
        name="lock",
        summary="write the lockfile of a script or spec",
        description=(
            "Resolves the requirements for all platforms that `verify` looks at and all Pythons that "
            "`requires-python` allows, and writes one lockfile beside the spec: exact versions, each with "
            "the hashes of its files, and markers that say where it is needed. A lockfile that is there is "
            "changed as little as the spec allows and keeps its format: PEP 751, or the requirements file "
            "with hashes `SPEC.uv.lock`. The packages of a text spec are locked for all of its platforms, "
            "each tag and ref to the instance that it means now, in `SPEC.versions`. Prints what changed; "
            "with `--check` it writes nothing, and the exit code is 1 where something would change."
        ),
        positionals=(Positional("specs", "SCRIPT|SPEC", "script that has a spec, or a spec", count="*"),),
        options=(
            Option("--check", "write nothing; fail where the lockfile is missing or would change"),
            Option("--embed", "put it into the script itself, with the hashes that its platforms need"),
            Option("--upgrade", "take the newest versions, whatever the lockfile has", short="-U"),
            Option(
                "--upgrade-package",
                "take the newest version of this project or package",
                metavar="NAME",
                short="-P",
                is_repeated=True,
            ),
            Option(
                "--exclude-newer",
                "take no file that was uploaded after this: a date, a time, an age such as 7d",
                metavar="DATE",
                parse=cutoff,
            ),
            Option(
                "--format",
                "format of a new lockfile",
                metavar="FORMAT",
                choices=("pylock", "uv"),
                default="pylock",
            ),
        ),
        examples=(
            Example("lock s.py", "write pylock.s.toml, or bring the lockfile that is there up to date"),
            Example("lock .vpython3", "write .vpython3.versions, or bring it up to date"),
            Example("lock --check s.py", "for a presubmit check"),
            Example("lock --upgrade", "the newest of everything, for the vpython.toml here"),
        ),
        takes_python=True,
    ),
    Command(
        name="outdated",
        summary="show which requirements have newer versions",
        description=(
            "Compares what a start would use with the newest releases of the index, and prints a line for "
            "each distribution that is behind: its version, the newest, and whether the spec itself asks "
            "for it."
        ),
        examples=(Example("outdated s.py", "what a script could be brought up to"),),
        takes_python=True,
    ),
    Command(
        name="push",
        summary="put environments into an OCI registry",
        description=(
            "Uploads the wheels and packages of scripts or specs, each as it is, with what they were "
            "resolved to, into a repository of a container registry: an index, with an image for each "
            "target. Only what is missing there is sent. `-vpython-source oci://HOST/NAME:TAG` makes "
            "environments from it. One logs in with `docker login`, `podman login`, or by netrc. Without a "
            "tag it is `latest`."
        ),
        positionals=(Positional("items", "[SCRIPT|SPEC]… oci://HOST/NAME[:TAG]", SPEC_FILES, count="+"),),
        options=(
            *TARGETS,
            Option(
                "--mount",
                "a repository of the same registry that may have the files already",
                metavar="NAME",
                is_repeated=True,
            ),
        ),
        examples=(
            Example("push tool.py oci://registry.example/tools/tool:1", "for this platform and Python"),
        ),
    ),
    Command(
        name="remove",
        summary="remove requirements from a script or vpython.toml",
        description=(
            "Takes requirements out of the spec that counts for FILE, in place; comments and order of the "
            "others stay. Nothing is written where one of the names is not there."
        ),
        positionals=(Positional("items", "[FILE] NAME", SPEC_FILE, count="+"),),
        examples=(Example("remove s.py requests", "it is not asked for any more"),),
    ),
    Command(
        name="tree",
        summary="show who asked for each distribution, and its size",
        description=(
            "Makes the environment where it is missing, and shows its distributions below those that asked "
            "for them, with licence, size and the requirement; what stands above is not repeated. Sizes "
            "count installed files, whether other environments share them or not."
        ),
        examples=(
            Example("tree s.py", "of a script"),
            Example("tree --json -m pytest", "of a project, for programs"),
        ),
        takes_python=True,
    ),
    Command(
        name="unlink",
        summary="remove a command that link made",
        description="Removes the launcher of that name, or of that script. Script and environment stay.",
        positionals=(Positional("name", "NAME|SCRIPT", "name of the command, or the script it starts"),),
        options=(Option("--directory", "directory of the launcher", metavar="DIR", default="~/.local/bin"),),
        examples=(Example("unlink report", "the command goes, its script stays"),),
        shares_store=False,
    ),
    Command(
        name="upgrade",
        summary="lock again what changed, or convert text specs",
        description=(
            "Locks each script and vpython.toml below PATH again that git finds modified or untracked, with "
            "the newest versions that it allows. With `--legacy` turns a `.vpython3` into a `vpython.toml` "
            "instead, and the text spec of one script, in it or beside it, into a PEP 723 block in the "
            "script: a package becomes the requirement that it means at an index, a match rule a marker; "
            "comments stay with what they are about. What cannot be said so stays as it is. All that fails "
            "comes as one error at the end, and the exit code is 1. Directories are searched for what git "
            "does not ignore; links and hidden directories are passed over."
        ),
        positionals=(Positional("paths", "PATH", "script, spec or directory to search", count="+"),),
        options=(
            Option("--legacy", "convert text specs to PEP 723 and vpython.toml", aliases=("-legacy",)),
            Option("--all", "take every spec below PATH, not only what git finds changed", aliases=("-all",)),
            KEEP_LEGACY,
            Option("--dry-run", "show what would change as a diff, and write nothing"),
        ),
        examples=(
            Example("upgrade .", "lock again what was changed in a checkout"),
            Example("upgrade --legacy --dry-run .", "see what would become of the text specs of a checkout"),
            Example("upgrade --legacy tools/run.py", "one script, with the spec in it or beside it"),
        ),
    ),
    Command(
        name="which",
        summary="show the Python of a start's environment",
        description=(
            "Makes the environment where it is missing, and prints the path of its Python; or its directory "
            "of programs, its own path or its key. For editors and Makefiles."
        ),
        options=(
            Option("--bin", "print the directory of its programs"),
            Option("--environment", "print its path"),
            Option("--key", "print the hash that names it"),
        ),
        examples=(
            Example("which s.py", "the Python to give to an editor"),
            Example("which --bin -m pytest", "the directory of programs of a project's environment"),
        ),
        takes_python=True,
    ),
)
