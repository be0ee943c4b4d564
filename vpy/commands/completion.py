"""`completion SHELL`: print the script that completes vpython's command line in a shell.

The scripts are made from the table and ask nobody. In front of a script's name they complete vpython's
options; behind `-vpython-tool` or the name `vpython-tool`, commands; behind a command, its options, and
files where it takes them.
"""

from __future__ import annotations

from vpy.commands import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from bootstrap.request import Request
    from vpy.commands.arguments import Command, Option
    from vpy.operations.context import Context

NAMES = ("vpython", "vpython3", "vpython-tool")
DIRECTORIES = ("DIR",)
FILES = ("FILE",)

# Templates of the scripts.
BASH = """\
# vpython's completion for bash: source this file, or put it where bash-completion looks.
_vpython() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local command= script= tool= word words files=1 i
    COMPREPLY=()
    [[ ${COMP_WORDS[0]##*/} != vpython-tool ]] || tool=1
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            -vpython-tool|--vpython-tool) command=${COMP_WORDS[i+1]}; break ;;
            @VALUED@) ((i++)) ;;
            -*) ;;
            *) if [ "$tool" ]; then command=$word; else script=1; fi; break ;;
        esac
    done
    case $previous in
@CHOICES@        @FILES@) _vpython_files -f; return ;;
        @DIRECTORIES@) _vpython_files -d; return ;;
    esac
    words="@OPTIONS@"
    [ -z "$script" ] || words=
    if [[ $tool && -z $command && $current != -* ]]; then words="@TOOLS@"; files=0; fi
    case $command in
@COMMANDS@    esac
    if [[ $current == -* || $files == 0 ]]; then
        COMPREPLY=($(compgen -W "$words" -- "$current"))
    else
        _vpython_files -f
    fi
}
_vpython_files() {
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$1" -- "$current"))
}
complete -F _vpython @NAMES@
"""
ZSH = """\
#compdef @NAMES@
# vpython's completion for zsh: put this file into a directory of fpath under the name _vpython.
_vpython_commands() {
    local -a commands=(
@COMMANDS@
    )
    _describe -t commands command commands
}

_vpython_command() {
    case $words[1] in
@CASES@    esac
}

_vpython() {
    if [[ $service = vpython-tool ]]; then
        _arguments -S \\
            @OPTIONS@ \\
            '1:command:_vpython_commands' \\
            '*::argument:_vpython_command'
        return
    fi
    local position=${words[(i)-vpython-tool]}
    if ((position < CURRENT - 1)); then
        shift position words
        ((CURRENT -= position))
        _vpython_command
        return
    fi
    _arguments -S \\
        @OPTIONS@ \\
        '-vpython-tool[run a command instead of Python]:command:_vpython_commands' \\
        '*::script:_files'
}

if [ "$funcstack[1]" = _vpython ]; then _vpython "$@"; else compdef _vpython @NAMES@; fi
"""
FISH = """\
# vpython's completion for fish: put this file into ~/.config/fish/completions.
function __vpython_command
    set -l words (commandline -opc)
    if __vpython_is_tool
        set -l value
        for word in $words[2..]
            if test -n "$value"
                set value
            else if contains -- $word @SPACED@
                set value $word
            else if not string match -q -- '-*' $word
                echo $word
                return
            end
        end
        return 1
    end
    set -l position (contains -i -- -vpython-tool $words)
    and test (count $words) -gt $position
    and echo $words[(math $position + 1)]
end
function __vpython_is_tool
    set -l words (commandline -opc)
    test (path basename -- "$words[1]") = vpython-tool
end
function __vpython_is
    test "$(__vpython_command)" = "$argv[1]"
end
for name in @NAMES@
@ROWS@
end
"""
POWERSHELL = """\
# vpython's completion for PowerShell: run this in the profile ($PROFILE).
Register-ArgumentCompleter -Native -CommandName @LIST@ -ScriptBlock {
    param($word, $ast, $position)
    $commands = @{
@COMMANDS@
    }
    $values = @{
@VALUES@
    }
    $given = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } |
        ForEach-Object { $_.ToString() })
    $tool = [array]::IndexOf($given, '-vpython-tool')
    $last = $given[$given.Count - 1]
    if ($tool -lt 0 -and $given[0] -match 'vpython-tool([.][a-z]+)?$') { $tool = 0 }
    if ($values.ContainsKey($last)) {
        $known = $values[$last]
    } elseif ($tool -ge 0 -and $given.Count -gt $tool + 1) {
        $known = $commands[$given[$tool + 1]]
    } elseif ($tool -eq 0 -and $word -notlike '-*') {
        $known = $values['-vpython-tool']
    } else {
        $known = @(@OPTIONS@)
    }
    $known | Where-Object { $_ -like "$word*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
"""


def run(request: Request, context: Context, arguments: Namespace) -> int:
    """Print the script of one shell."""
    scripts = {"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}
    print(scripts[arguments.shell](), end="")
    return 0


def _shown(options: Iterable[Option]) -> list[str]:
    """Return the spellings that are offered: long ones."""
    return [option.name for option in options]


def _global_names() -> list[str]:
    return _shown(table.GLOBAL_OPTIONS)


def _values() -> dict[str, list[str]]:
    """Return the words to offer behind each option of vpython's own that has few values."""
    found = {option.name: list(option.choices) for option in table.GLOBAL_OPTIONS if option.choices}
    return {**found, "-vpython-tool": [command.name for command in table.COMMANDS]}


def _words_of(command: Command) -> list[str]:
    """Return what can stand behind a command's name, files left out."""
    words = _shown(command.all_options)
    for positional in command.positionals:
        words += positional.choices
    if command.name == "help":
        words += [known.name for known in table.COMMANDS]
    return words


def _takes_files(command: Command) -> bool:
    return command.takes_python or any(positional.is_file for positional in command.positionals)


def _valued(options: Iterable[Option]) -> list[str]:
    return [name for option in options if option.metavar for name in option.names]


def _options_for(metavars: Iterable[str]) -> list[str]:
    """Return every option, of vpython and of its commands, whose value is one of `metavars`."""
    options = [*table.GLOBAL_OPTIONS, *(option for command in table.COMMANDS for option in command.options)]
    found = [name for option in options if (option.metavar or "") in metavars for name in option.names]
    return sorted(set(found))


def bash() -> str:
    """Return the script of bash; it needs no bash-completion."""
    choices = "".join(
        f'        {name}) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$current")); return ;;\n'
        for name, words in _values().items()
    )
    commands = "".join(
        f'        {row.name}) words="{" ".join(_words_of(row))}"; files={int(_takes_files(row))} ;;\n'
        for row in table.COMMANDS
    )
    return _filled(
        BASH,
        choices=choices,
        commands=commands,
        files="|".join(_options_for(FILES)),
        directories="|".join(_options_for(DIRECTORIES)),
        valued="|".join(_valued(table.GLOBAL_OPTIONS)),
        options=" ".join(_global_names()),
        tools=" ".join(table.NAMES),
    )


def _zsh_quoted(text: str) -> str:
    """Quote a word for a specification of `_arguments` or `_describe` inside single quotes."""
    for character in ("\\", ":", "[", "]"):
        text = text.replace(character, f"\\{character}")
    return text.replace("'", "'\\''")


def _zsh_option(option: Option) -> str:
    """Return the specification of an option for `_arguments`."""
    text = _zsh_quoted(option.help)
    names = [option.name, *([option.short] if option.short else [])]
    repeated = "*" if option.is_repeated else f"({' '.join(names)})"
    shown = f"{{{','.join(names)}}}" if len(names) > 1 else names[0]
    value = ""
    if option.name == "-vpython-tool":
        return ""
    if option.metavar:
        action = {"FILE": "_files", "DIR": "_files -/"}.get(option.metavar, " ")
        if option.choices:
            action = f"({' '.join(option.choices)})"
        value = f":{_zsh_quoted(option.metavar)}:{action}"
    return f"'{repeated}'{shown}'[{text}]{value}'"


def _zsh_case(command: Command) -> str:
    """Return the branch that completes what stands behind a command's name."""
    rows = [_zsh_option(option) for option in command.all_options]
    rows += [
        f"'1:{positional.metavar}:({' '.join(positional.choices)})'"
        for positional in command.positionals
        if positional.choices
    ]
    if command.name == "help":
        rows.append("'1:command:_vpython_commands'")
    if _takes_files(command):
        rows.append("'*:file:_files'")
    arguments = " \\\n                ".join(rows)
    return f"        {command.name})\n            _arguments {arguments} ;;\n"


def zsh() -> str:
    """Return the script of zsh, to be put into a directory of `fpath` as `_vpython`."""
    commands = "\n".join(
        f"    '{_zsh_quoted(command.name)}:{_zsh_quoted(command.summary)}'" for command in table.COMMANDS
    )
    options = " \\\n        ".join(filter(None, map(_zsh_option, table.GLOBAL_OPTIONS)))
    cases = "".join(map(_zsh_case, table.COMMANDS))
    return _filled(ZSH, commands=commands, options=options, cases=cases)


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _fish_option(name: str, option: Option, condition: str) -> str:
    """Return the line that completes one spelling of an option."""
    dashes, bare = ("-l", name[2:]) if name.startswith("--") else ("-o", name[1:])
    if len(bare) == 1:
        dashes = "-s"
    value = ""
    if option.metavar:
        value = " -r" if option.metavar in ("FILE", "DIR") else " -x"
    if option.name == "-vpython-tool":
        value = f" -x -a {_fish_quoted(' '.join(command.name for command in table.COMMANDS))}"
    elif option.choices:
        value = f" -x -a {_fish_quoted(' '.join(option.choices))}"
    elif option.metavar == "DIR":
        value = " -x -a '(__fish_complete_directories)'"
    return f"complete -c $name -n '{condition}' {dashes} {bare}{value} -d {_fish_quoted(option.help)}"


def fish() -> str:
    """Return the script of fish."""
    rows = [_fish_option(option.name, option, '__vpython_is ""') for option in table.GLOBAL_OPTIONS]
    commands = _fish_quoted(" ".join(table.NAMES))
    rows.append(f"""test $name = vpython-tool; and complete -c $name -n '__vpython_is ""' -f -a {commands}""")
    for command in table.COMMANDS:
        condition = f"__vpython_is {command.name}"
        if not _takes_files(command):
            rows.append(f"complete -c $name -n '{condition}' -f")
        words = [word for word in _words_of(command) if not word.startswith("-")]
        if words:
            rows.append(f"complete -c $name -n '{condition}' -a {_fish_quoted(' '.join(words))}")
        for option in command.all_options:
            names = [option.name, *([option.short] if option.short else [])]
            rows += [_fish_option(name, option, condition) for name in names]
    return _filled(
        FISH, rows="\n".join(f"    {row}" for row in rows), spaced=" ".join(_valued(table.GLOBAL_OPTIONS))
    )


def powershell() -> str:
    """Return the script of PowerShell, to be run in the profile."""

    def listed(words: Iterable[str]) -> str:
        return ", ".join(f"'{word}'" for word in words)

    def entries(words_by_name: Iterable[tuple[str, Iterable[str]]]) -> str:
        return "\n".join(f"        '{name}' = @({listed(words)})" for name, words in words_by_name)

    return _filled(
        POWERSHELL,
        commands=entries((command.name, _words_of(command)) for command in table.COMMANDS),
        values=entries(_values().items()),
        options=listed(_global_names()),
        list=", ".join(NAMES),
    )


def _filled(template: str, **texts: str) -> str:
    """Return a script with `@NAME@` replaced; shells have their own uses for `$` and braces."""
    for name, text in {"names": " ".join(NAMES), **texts}.items():
        template = template.replace(f"@{name.upper()}@", text)
    return template
