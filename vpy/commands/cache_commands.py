"""Rows of the commands' table that are about the root: what is in it, what goes, whether it is whole."""

from __future__ import annotations

from vpy.commands.arguments import Command, Example, Option, Positional, days, size

DRY_RUN = Option("--dry-run", "list what would go, and remove nothing")
CACHE_COMMANDS = (
    Command(
        name="clean",
        summary="remove the environments of a script, or all",
        description=(
            "Removes the environments of a script, by its path or name, by its launcher's name, or by a key "
            "that `list` shows, and the stored wheels that only they used. An environment that several "
            "scripts share goes too, and is made again by their next start. What a process holds stays, "
            "with a line that names it; the exit code is 1 where that was named. With `--all` everything "
            "goes that no process holds, but for vpython's own code."
        ),
        positionals=(
            Positional("names", "SCRIPT|NAME|KEY", "script, its name or launcher, or a key", count="*"),
        ),
        options=(Option("--all", "remove everything that is not in use"), DRY_RUN),
        examples=(
            Example("clean s.py", "the environments of a script"),
            Example("clean 66bebc43", "the environment of this key"),
            Example("clean --all --dry-run", "see what an empty root would free"),
        ),
        shares_store=False,
    ),
    Command(
        name="doctor",
        summary="check the root's contents, and repair them",
        description=(
            "Reads every package, stored wheel and environment in the root, and compares each file with "
            "the hash or the wheel that it came from. Prints a line for each difference, and at the end for "
            "each thing what to do about it; the exit code is 1 where a difference remains. An environment "
            "that is in use is not repaired."
        ),
        options=(Option("--fix", "drop what is damaged, and make again the environments that it was in"),),
        examples=(
            Example("doctor", "check everything, change nothing"),
            Example("doctor --fix", "repair what can be repaired"),
        ),
        shares_store=False,
    ),
    Command(
        name="list",
        summary="show the environments: whose, how big, in use",
        description=(
            "Shows each environment in the root, the last used first: the script, directory or spec that it "
            "was made for, its Python, its wheels, its size with what it shares, its last use, the first "
            "digits of its key, and the process that holds it. Then the launchers that `link` has made. A "
            "narrow terminal shows fewer columns; `--json` has everything, `own` being the bytes that no "
            "other thing in the root shares."
        ),
        options=(Option("--directory", "directory of the launchers", metavar="DIR", default="~/.local/bin"),),
        examples=(
            Example("list", "everything there is"),
            Example("list --json", "for programs: whole paths and keys, bytes, seconds since the epoch"),
        ),
        shares_store=False,
    ),
    Command(
        name="prune",
        summary="remove environments and packages that are not used",
        description=(
            "Removes environments that no start has used for some days, then the packages and wheels that "
            "only they used. Nothing that a process uses is removed. Prints how many things of each kind "
            "went and what disk this freed, then each with its size and the reason why it went."
        ),
        options=(
            Option(
                "--older-than",
                "remove environments that were not used for this long",
                metavar="DAYS",
                parse=days,
                default="{config.prune_older_than_days:g}",
            ),
            Option(
                "--max-size",
                "remove more, least recently used first, until the root takes at most this many bytes; "
                "K, M, G and T are accepted",
                metavar="BYTES",
                parse=size,
            ),
            Option(
                "--keep-used-by",
                "keep the environment that this script or spec used last, and of the others, unless "
                "`--older-than` says otherwise, none",
                metavar="SCRIPT",
                is_repeated=True,
            ),
            DRY_RUN,
        ),
        examples=(
            Example("prune --dry-run", "see what would go"),
            Example("prune --keep-used-by tool.py", "before a CI service saves the root"),
            Example("prune --older-than 30 --max-size 5G", "keep a month, and at most 5 GiB"),
        ),
        shares_store=False,
    ),
    Command(
        name="size",
        summary="show what takes the disk in the root",
        description=(
            "Shows the bytes of disk that each kind of thing in the root takes, the largest first: stored "
            "wheels, environments, packages, pages of indexes, vpython's own code. A file that environments "
            "share by hard links counts once, where it is stored, so that the sum is what `du -s` says."
        ),
        examples=(
            Example("size", "by kind, in units for people"),
            Example("size --json", "in bytes"),
        ),
        shares_store=False,
    ),
)
