#!/bin/sh
# vpython's front door for POSIX shells: the head of the archive. It finds the record of an
# earlier start and becomes the environment's Python without a fork; whatever it is not sure of it
# leaves to the door in Python (the last lines). Built-ins only, and no word of the environment is
# changed but those that a start is meant to change: hence the long names.
set +aCefuvx
unset -f command read exec '[' 2>/dev/null

_vpython_long=
_vpython_record=
case $0 in
    /*) _vpython_self=$0 ;;
    ./*) _vpython_self=$PWD/${0#./} ;;
    */*) _vpython_self=$PWD/$0 ;;
    *) if command [ -f "$0" ]; then _vpython_self=$PWD/$0; else _vpython_self=$(command -v "$0"); fi ;;
esac
case ${0##*/} in
    vpython) _vpython_build=@BUILD@-2 ;;
    vpython-tool*) _vpython_build= && _vpython_long=1 ;;
    *) _vpython_build=@BUILD@-3 ;;
esac

# The root: the variable's, else the one of ours in the user's cache that belongs to this user.
if command [ "${VPYTHON_VIRTUALENV_ROOT+set}" ]; then
    _vpython_root=$VPYTHON_VIRTUALENV_ROOT
    case $_vpython_root in /*) ;; *) _vpython_long=1 ;; esac
else
    case ${XDG_CACHE_HOME-} in
        /*) _vpython_cache=$XDG_CACHE_HOME ;;
        *)
            _vpython_cache=${HOME-}/.cache
            if command [ -d "${HOME-}/Library/Caches" ]; then _vpython_cache=$HOME/Library/Caches; fi
            ;;
    esac
    for _vpython_root in "$_vpython_cache"/@ROOT@.*; do
        if command [ -O "$_vpython_root" ]; then break; fi
    done
fi
if ! command [ -O "$_vpython_root" ]; then _vpython_long=1; fi
case ${VPYTHON_RECORD-}${VPYTHON_BYPASS-}${VPYTHON_LOG_TRACE-} in ?*) _vpython_long=1 ;; esac
case $_vpython_self in
    *'
'*) _vpython_long=1 ;;
esac

# Python's own options up to the script; what the loop does not know, the Python door reads.
_vpython_next=
_vpython_kind=cwd
for _vpython_word in "$@"; do
    case $_vpython_next in
        value) _vpython_next= && continue ;;
        code)
            case $_vpython_word in *'# /// script'*) _vpython_long=1 ;; esac
            _vpython_next=done && break ;;
        module) _vpython_next=done && break ;;
    esac
    case $_vpython_word in
        -u|-B|-E|-I|-O|-OO|-P|-b|-bb|-d|-i|-q|-s|-v|-X?*|-W?*) ;;
        -X|-W) _vpython_next=value ;;
        -c) _vpython_next=code ;;
        -m) _vpython_next=module ;;
        -) _vpython_next=stdin && break ;;
        -*|'') _vpython_long=1 && break ;;
        *) _vpython_kind=script && break ;;
    esac
done
# A script on stdin may have a spec inside.
case $_vpython_kind$_vpython_next in cwd|cwdstdin) if ! command [ -t 0 ]; then _vpython_long=1; fi ;; esac
case $_vpython_next in value|code|module) _vpython_long=1 ;; esac

# Where the record of this start lies: under the script's path, or the working directory's. A `..`
# leads where it says only while no link stands before it.
case $PWD in /*) ;; *) _vpython_long=1 ;; esac
_vpython_base=${PWD%/}
_vpython_up=
case $_vpython_kind$_vpython_word in
    cwd*) _vpython_word=$_vpython_base ;;
    script/*) ;;
    *)
        while :; do
            case $_vpython_word in
                ./*) _vpython_word=${_vpython_word#./} ;;
                ../*)
                    _vpython_word=${_vpython_word#../}
                    _vpython_base=${_vpython_base%/*}
                    _vpython_up=../$_vpython_up
                    ;;
                *) break ;;
            esac
        done
        if command [ "$_vpython_up" ] && ! command [ "$_vpython_base/" -ef "$_vpython_up" ]; then _vpython_long=1; fi
        _vpython_word=$_vpython_base/$_vpython_word
        ;;
esac
case $_vpython_word in *//*|*/./*|*/../*|*/.|*/..|*/) _vpython_long=1 ;; esac

if command [ -z "$_vpython_long" ]; then
    _vpython_record=$_vpython_root/@RECORDS@$_vpython_word/@$_vpython_kind-$_vpython_build
    # Nothing that others could have put there is believed: the modes are seen by the Python behind it.
    if ! command [ -O "$_vpython_record" ] ||
        ! { IFS= read -r _vpython_environment && IFS= read -r _vpython_landmark; } 2>/dev/null <"$_vpython_record" ||
        ! command [ -O "$_vpython_environment" ] || ! command [ -O "$_vpython_environment/bin" ]; then
        _vpython_environment=
    fi
    if command [ "$_vpython_environment" ]; then
        command : 2>/dev/null >|"$_vpython_environment/used" || command :
        if command [ -f "$_vpython_environment/complete" ] && command [ -f "$_vpython_environment/pyvenv.cfg" ] &&
            command [ -f "$_vpython_landmark" ] &&
            command [ -x "$_vpython_environment/bin/python" ]; then
            VPYTHON_RECORD="+$_vpython_self
/bin/sh
$_vpython_record"
            VIRTUAL_ENV=$_vpython_environment
            PATH=$_vpython_environment/bin${PATH:+:$PATH}
            PYTHONNOUSERSITE=1
            export VPYTHON_RECORD VIRTUAL_ENV PATH PYTHONNOUSERSITE
            unset PYTHONHOME PYTHONEXECUTABLE __PYVENV_LAUNCHER__
            exec "$_vpython_environment/bin/python" -s "$@"
        fi
    fi
fi

# The long way: the Python that an earlier one found fit, else the first that is. A variable that
# makes a Python take itself for another file is none of its business.
unset PYTHONEXECUTABLE __PYVENV_LAUNCHER__
_vpython_start=
if command [ -O "$_vpython_root" ] && command [ -O "$_vpython_root/@APP@/python" ] &&
    { IFS= read -r _vpython_python && IFS= read -r _vpython_landmark && IFS= read -r _vpython_start; } \
        2>/dev/null <"$_vpython_root/@APP@/python" &&
    command [ -x "$_vpython_python" ] && command [ -f "$_vpython_landmark" ]; then
    # The unpacked code of this very build starts sooner than the archive; which is told where that code fails.
    case $_vpython_start in
        */@BUILD@-*)
            if command [ -O "$_vpython_start" ]; then
                exec "$_vpython_python" -I -S -c '@START@' "$_vpython_start" "$_vpython_self" "$@"
            fi
            ;;
    esac
    exec "$_vpython_python" -I -S "$_vpython_self" "$@"
fi
# What a version manager's shim would change of the environment is kept out: the Python behind it runs us. The
# last is that of the venv that an installer of wheels has put us into, and linked to.
_vpython_link=$(readlink -f "$_vpython_self" 2>/dev/null)
for _vpython_word in python3 python3.14 python3.13 python3.12 python3.11 python "${_vpython_link%/*}/python3"; do
    if command -v "$_vpython_word" >/dev/null 2>&1; then
        _vpython_python=$("$_vpython_word" -I -S -c 'import sys; sys.version_info < (3, 11) or print(sys.executable)' </dev/null 2>/dev/null)
        if command [ -x "$_vpython_python" ]; then exec "$_vpython_python" -I -S "$_vpython_self" "$@"; fi
    fi
done
# A shim puts one beside us where the machine has none.
_vpython_python=${_vpython_self%/*}/python/bin/python3
if command [ -x "$_vpython_python" ]; then exec "$_vpython_python" -I -S "$_vpython_self" "$@"; fi
echo 'vpython: no Python 3.11 or newer on PATH: vpython itself needs one to make an environment' >&2
exit 1
