"""Table of every option: vpython's own, each command's, and the environment variables.

The parsers, `--help`, `vpython -help`, `docs/reference.md` and the completion scripts are made from it.
To add a command, add a row here, to `script_commands.py` where it is about one script, or to
`cache_commands.py` where it is about the root, and a module of its name beside this one. A row of
`GLOBAL_OPTIONS` belongs to `bootstrap/command_line.py` too, which reads them without this table.
"""

from __future__ import annotations

from vpy.commands.arguments import (
    Command,
    Example,
    Option,
    Positional,
    Variable,
    directory,
    package_name,
    package_ref,
    package_tag,
)
from vpy.commands.cache_commands import CACHE_COMMANDS
from vpy.commands.script_commands import SCRIPT_COMMANDS

PURPOSE = "run Python in the environment that a script declares"
USAGE = (
    "vpython [vpython's options] [Python's options] [SCRIPT | -m MODULE | -c CODE | -] [ARGUMENT…]",
    "vpython [vpython's options] -vpython-tool COMMAND [ARGUMENT…]",
    "vpython-tool [vpython's options] COMMAND [ARGUMENT…]",
)
TOOL_NAME = "`vpython-tool` is a link to the same file: `-vpython-tool COMMAND` does the same without it."
HELP_OF_HELP = (
    "`vpython-tool help` says what each does, `help NAME` how, `help python` which options Python has; "
    "`vpython -help` shows those of vpython."
)
SPEC_SEARCH = (
    "The spec is the first of: `-vpython-spec`; `SCRIPT{config.suffix}` beside the script; a PEP 723 block "
    "or `[VPYTHON:BEGIN]` … `[VPYTHON:END]` in it; `{config.toml_name}` or `{config.suffix}` in its "
    "directory or one above (without a script, from the working directory up); `VPYTHON_DEFAULT_SPEC`. "
    "Without one the environment is empty. An option or variable may name a `*requirements*.txt` or "
    "`pylock.toml` too."
)
EXIT_CODES = (
    ("0", "the command did what it was asked to"),
    ("1", "something failed: a package, the network, the disk; or a check found something wrong"),
    ("2", "the command line or a spec is wrong"),
    ("130", "interrupted by Ctrl-C"),
    ("141", "the reader of the output is gone"),
)

GLOBAL_OPTIONS = (
    Option("-vpython-spec", "use this spec and search for none", metavar="FILE"),
    Option(
        "-vpython-root",
        "keep environments and packages here; empty: in a directory for this start alone",
        metavar="DIR",
        variable="VPYTHON_VIRTUALENV_ROOT",
        default="a directory in the user's cache",
    ),
    Option(
        "-vpython-interpreter",
        "base Python of environments",
        metavar="FILE",
        variable="VPYTHON_INTERPRETER",
    ),
    Option(
        "-vpython-source",
        "where packages come from, several with commas: cipd[:URL], directory:PATH or URL, "
        "index[:URL], oci:PATH or oci://HOST/NAME",
        metavar="SOURCE",
        variable="VPYTHON_PACKAGE_SOURCE",
        default="{config.default_source}",
    ),
    Option(
        "-vpython-manifest",
        "pins, not those beside vpython",
        metavar="FILE",
        variable="VPYTHON_MANIFEST",
    ),
    Option(
        "-vpython-python",
        "run on this Python: a version (`3.13t` is free-threaded), a specifier, a command or a path",
        metavar="PYTHON",
    ),
    Option(
        "-vpython-with",
        "add this requirement to the spec, for this start alone",
        metavar="REQUIREMENT",
        is_repeated=True,
    ),
    Option("-vpython-dev", "add the spec's `dev-dependencies`"),
    Option("-vpython-env-file", "add the variables in this file", metavar="FILE"),
    Option("-vpython-sha256", "pin the script that an https address names", metavar="HASH"),
    Option("-vpython-offline", "use no network", variable="VPYTHON_OFFLINE"),
    Option("-vpython-refresh", "ask again what versions and refs come to"),
    Option(
        "-vpython-no-build",
        "build no wheel from its source",
        variable="VPYTHON_NO_BUILD",
    ),
    Option("-vpython-locked", "end where the lockfile is missing or stale"),
    Option("-vpython-frozen", "follow the lockfile as it is, stale or not"),
    Option("-vpython-keep-legacy", "let `upgrade --legacy` keep the old files"),
    Option("-vpython-local-venv", "make `.venv` beside the spec, for editors"),
    Option(
        "-vpython-log-level",
        "show messages from this level up: debug, info, warning, error",
        metavar="LEVEL",
        choices=("debug", "info", "warning", "error"),
        default="warning",
    ),
    Option("-vpython-tool", "run a command instead of Python", metavar="COMMAND"),
    Option("-help", "show this help", short="-h", aliases=("--help",)),
)

VARIABLES = (
    Variable("VPYTHON_DEFAULT_SPEC", "spec of a start for which no other is found"),
    Variable(
        "VPYTHON_BYPASS",
        "start the Python of PATH where it is `manually managed python not supported by chrome operations`",
    ),
    Variable("VPYTHON_LOG_TRACE", "as `-vpython-log-level debug`, where it is not empty"),
    Variable("VPYTHON_DEBUG_TRACEBACK", "show the traceback of an internal error, where it is not empty"),
    Variable("XDG_CACHE_HOME", "directory that the root lies in, on other systems than Windows"),
    Variable("CIPD_SERVICE_URL", "address of the package service"),
    Variable("CIPD_CACHE_DIR", "cache of the CIPD client, read before anything is downloaded"),
    Variable("CIPD_READ_ONLY_CACHE_DIR", "further cache of the CIPD client, only read"),
    Variable("CIPD_HTTP_USER_AGENT_PREFIX", "text in front of vpython's own user agent"),
    Variable(
        "VPYTHON_AR_URL",
        "address of the package index, and makes it the source where nothing in front of the user's "
        "configuration file names another",
    ),
    Variable(
        "VPYTHON_STORE_WRITE_BACK",
        "put what a start fetches for its requirements into the store, where it is not empty",
    ),
    Variable("VPYTHON_STORE", "OCI repository that is asked for files before their source; empty: none"),
    Variable(
        "VPYTHON_NETWORK_RETRY_TIMEOUT",
        "seconds for which a request that fails is tried again; by default a few times",
    ),
    Variable("PIP_INDEX_URL", "address of the package index; pip's other settings and files count too"),
    Variable("HTTPS_PROXY", "address of the proxy, as for other programs; also `HTTP_PROXY` and `NO_PROXY`"),
    Variable("SSL_CERT_FILE", "certificates to trust; also `SSL_CERT_DIR`"),
)

_OTHER_COMMANDS = (
    Command(
        name="completion",
        summary="print the completion script of a shell",
        description="The script completes the options of vpython, the names of commands and their options.",
        positionals=(
            Positional(
                "shell",
                "SHELL",
                "bash, zsh, fish or powershell",
                choices=("bash", "zsh", "fish", "powershell"),
                is_file=False,
            ),
        ),
        examples=(
            Example("completion bash > ~/.local/share/bash-completion/completions/vpython", "for bash"),
            Example("completion fish > ~/.config/fish/completions/vpython.fish", "for fish"),
        ),
        reports=False,
        shares_store=False,
    ),
    Command(
        name="ensure",
        summary="deploy the packages of a CIPD ensure file",
        description=(
            "Does what the CIPD client does with an ensure file. With `--root`, makes DIR hold exactly the "
            "packages that FILE names for this machine; nothing is changed where one of them cannot be "
            "fetched. With `--resolve`, resolves every package for every platform that FILE verifies and "
            "writes the instance ids to the file that its `$ResolvedVersions` names. Prints "
            "`NAME:INSTANCE_ID` for each package, behind `SUBDIR/ ` where it has a subdirectory."
        ),
        positionals=(Positional("file", "FILE", "ensure file; `-` for standard input"),),
        options=(
            Option("--root", "deploy to this directory", metavar="DIR", aliases=("-root",)),
            Option("--resolve", "write the resolved versions file", aliases=("-resolve",)),
        ),
        one_of=("--root", "--resolve"),
        examples=(
            Example("ensure tools.ensure --root ~/tools", "install, update and remove packages in ~/tools"),
            Example("ensure cipd_manifest.txt --resolve", "bring the pins of a manifest up to date"),
        ),
    ),
    Command(
        name="explain",
        summary="show what a start would use, and why",
        description=(
            "Shows the spec, the Python, the packages, the wheels and the environment of a start, first of "
            "all why it is not the environment of before. `--why` and `--graph` show who requires what "
            "instead, by the metadata of stored wheels; with `--why` the exit code is 1 where NAME is not in "
            "the environment. Installs nothing and runs nothing. Packages that were not resolved before are "
            "resolved as a start would do it; under `-vpython-offline` they are marked unresolved."
        ),
        options=(
            Option("--why", "show every chain of requirements to a distribution", metavar="NAME"),
            Option("--graph", "show the requirements of all distributions as a tree"),
            Option("--svg", "draw them to this file, `-` for stdout", metavar="FILE"),
        ),
        examples=(
            Example("explain s.py", "show it for a script"),
            Example("explain --json -m pytest", "the same for a module, as JSON"),
            Example("explain --why idna s.py", "who requires idna, in which version"),
            Example("explain --svg graph.svg s.py", "a drawing of who requires what"),
        ),
        takes_python=True,
    ),
    Command(
        name="find",
        summary="show the versions of a package, by platform",
        description=(
            "Asks the source for the versions of a project (`numpy`), or of packages by their whole name "
            "or prefix. Prints versions by platforms, the newest first, then the newest as an entry for a "
            "text spec."
        ),
        positionals=(Positional("name", "NAME", "project, package or prefix of packages", is_file=False),),
        options=(Option("--all", "show all versions, not the last ten"),),
        examples=(
            Example("find numpy", "versions in the default source"),
            Example("find --all infra/python/wheels/numpy", "every version of these packages"),
        ),
    ),
    Command(
        name="help",
        summary="show the help of vpython or of a command",
        description="`help NAME` shows what `NAME --help` shows, `help python` Python's own options.",
        positionals=(
            Positional("command", "NAME", "command to describe, or `python`", count="?", is_file=False),
        ),
        examples=(
            Example("help prune", "what `prune` does and which options it has"),
            Example("help python", "what Python says of its own options"),
        ),
        reports=False,
        shares_store=False,
    ),
    Command(
        name="install",
        summary="make the environment of a start, and run nothing",
        description=(
            "Makes the environment as a start would, compiles its modules and prints its path. Where the "
            "environment already exists, only what is not compiled yet is compiled."
        ),
        examples=(
            Example("install s.py", "make the environment of a script, when an image is built"),
            Example("install --json -m pytest", "the same for a module; its Python's path in JSON"),
        ),
        takes_python=True,
    ),
    Command(
        name="mirror",
        summary="copy what specs need into a directory to serve",
        description=(
            "Copies the packages of specs, for every platform that `verify` looks at, into a directory "
            "that any web server can serve and that `-vpython-source directory:…` reads. Packages from an "
            "index are packed under the names that the spec has; wheels of PEP 508 requirements go to "
            "`DIR/simple`. What DIR has already stays. Prints `NAME:INSTANCE_ID` or the wheel's file name "
            "for each; what is missing comes as one error at the end."
        ),
        positionals=(Positional("specs", "SCRIPT|SPEC", "script that has a spec, or a spec", count="*"),),
        options=(
            Option(
                "--output",
                "write to this directory",
                metavar="DIR",
                short="-o",
                aliases=("-output", "--o"),
                parse=directory,
                is_required=True,
            ),
        ),
        examples=(Example("mirror build/.vpython3 tools/run.py -o /srv/packages", "copy what both need"),),
    ),
    Command(
        name="pack",
        summary="make CIPD packages of wheels",
        description=(
            "Writes each wheel as a package into a directory that `-vpython-source directory:…` reads, "
            "named and tagged by the conventions of the wheel packages; with `--name`, all wheels as one "
            "package. Nothing is written where one of the wheels is damaged. Prints `NAME:INSTANCE_ID` for "
            "each package. With `--built` the items are requirements, as `NAME` or `NAME<2`, and what is "
            "packed are the wheels that a start has built of their source here; with `--as-wheels` the "
            "files are copied as they are, for a directory beside an index: "
            "`-vpython-source directory:DIR,index`."
        ),
        positionals=(
            Positional(
                "items", "WHEEL|NAME==VERSION", "wheel file, or release to download from the index", count="+"
            ),
        ),
        options=(
            Option(
                "--repo",
                "write to this directory",
                metavar="DIR",
                aliases=("-repo",),
                parse=directory,
                is_required=True,
            ),
            Option("--built", "take wheels that were built here"),
            Option("--as-wheels", "copy the wheels as they are, and make no packages"),
            Option(
                "--name", "name of the one package", metavar="NAME", aliases=("-name",), parse=package_name
            ),
            Option(
                "--tag",
                "tag to put on the packages",
                metavar="KEY:VALUE",
                aliases=("-tag",),
                parse=package_tag,
                default="version:VERSION of the wheel",
                is_repeated=True,
            ),
            Option(
                "--ref",
                "ref to point at the packages",
                metavar="REF",
                aliases=("-ref",),
                parse=package_ref,
                is_repeated=True,
            ),
        ),
        examples=(
            Example("pack --repo /srv/packages dist/*.whl", "a package for each wheel"),
            Example("pack --repo /srv/packages --ref latest rich==13.7.1", "a release of the index"),
            Example("pack --repo /srv/wheels --built --as-wheels psutil", "what was built, for others"),
        ),
    ),
    Command(
        name="self",
        summary="show vpython's own file, or replace it",
        description=(
            "Shows the version, the file, its sha256 and who installed it; the exit code is 1 where a file "
            "beside it, or the record of the wheel that it came in, has another sha256. With `--check` asks "
            "for the newest release; the exit code is 1 where that is newer. `self update` fetches the "
            "newest, or `self update VERSION` that one, compares its sha256, tries it out and puts it in the "
            "place of the file, whose mode and owner stay; vpythons that run keep the old one. What pip, "
            "pipx, uv, CIPD or the system has installed is left to them, with a line that names the command. "
            "Releases are where `releases` of the user's configuration file says: a directory that "
            "`build_zipapp.py --publish` fills, or its https address."
        ),
        positionals=(
            Positional(
                "action",
                "ACTION",
                "`update`, and a version where it is not to be the newest",
                count="*",
                choices=("update",),
                is_file=False,
            ),
        ),
        options=(
            Option("--check", "say whether there is a newer one, and change nothing"),
            Option(
                "--releases", "look for releases there", metavar="PLACE", default="those of the configuration"
            ),
            Option("--force", "take an older one, and the same version again, too"),
        ),
        examples=(
            Example("self", "what this file is, and who installed it"),
            Example("self --check", "whether there is a newer one"),
            Example("self update", "replace it by the newest"),
            Example("self update 1.2.0", "replace it by this version, older or not"),
        ),
        shares_store=False,
    ),
    Command(
        name="tags",
        summary="show the tags of a Python, best first",
        description=(
            "Shows the PEP 425 tags that the Python of a start accepts, best first, the tag that names its "
            "packages, and the values of `${platform}` and the other variables of package names. VERSION "
            "is a version of Python, such as 3.11."
        ),
        instead_of_script="VERSION",
        examples=(
            Example("tags", "of the Python that vpython runs by default"),
            Example("tags 3.11", "of a version"),
            Example("tags --json s.py", "of the Python that a script asks for"),
        ),
        takes_python=True,
    ),
    Command(
        name="verify",
        summary="check that every platform has every package",
        description=(
            "Checks for each platform that a spec verifies by `verify_pep425_tag`, or for the default "
            "platforms, that every package is there and has a wheel for it. Prints a table of packages by "
            "platforms; what is missing comes as one error, and the exit code is 1."
        ),
        positionals=(Positional("specs", "SCRIPT|SPEC", "script that has a spec, or a spec", count="*"),),
        examples=(
            Example("verify build/.vpython3 tools/run.py", "check two specs"),
            Example("verify --json", "the spec of the working directory, as JSON"),
        ),
        takes_python=True,
    ),
    Command(
        name="version",
        summary="show the version, and what this file carries",
        description="Prints the version, the build, the Python it runs on, and each package it carries.",
        examples=(Example("version --json", "with the hash of each package"),),
        shares_store=False,
    ),
)
COMMANDS = tuple(
    sorted((*SCRIPT_COMMANDS, *CACHE_COMMANDS, *_OTHER_COMMANDS), key=lambda command: command.name)
)
NAMES = tuple(command.name for command in COMMANDS)
