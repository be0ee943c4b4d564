@echo off
rem Runs the vpython that cipd_manifest.txt pins: fetches it once, then only finds it. vpython.bat is
rem the same text: it runs the same by its other name.
rem
rem What is fetched lies in .vpython_bin beside the manifest, or under LOCALAPPDATA where that cannot
rem be written. `pin-windows` there says which instance it is, which file said so, and of which sizes
rem and dates that file and the manifest were: warm, no program is started but the pinned file's own.
setlocal EnableExtensions DisableDelayedExpansion
if "%VPYTHON_BYPASS%"=="manually managed python not supported by chrome operations" goto :bypass

set "name=vpython3"
if /i "%~n0"=="vpython" set "name=vpython"
set "manifest=%~dp0cipd_manifest.txt"
for %%D in ("%~dp0.") do if /i "%%~nxD"=="shims" if not exist "%manifest%" set "manifest=%%~dpDcipd_manifest.txt"
if defined VPYTHON_MANIFEST for %%F in ("%VPYTHON_MANIFEST%") do set "manifest=%%~fF"
if not exist "%manifest%" (
    echo vpython: the manifest "%manifest%" does not exist 1>&2
    exit /b 1
)
for %%F in ("%manifest%") do (
    set "directory=%%~dpF"
    set "place=%%~dpF.vpython_bin\%%~nxF"
    set "other=%LOCALAPPDATA%\vpython-bin%%~pnxF"
    set "dated=%%~zF %%~tF"
)
call :find "%place%"
if not defined ready if defined LOCALAPPDATA call :find "%other%"
if defined ready goto :start
set "first_word=%~1"
call :install
if errorlevel 1 exit /b 1
if not exist "%place%\%id%\%name%.bat" (
    echo vpython: the pinned vpython was installed, but is missing: "%place%\%id%" 1>&2
    exit /b 1
)

:start
endlocal & "%place%\%id%\%name%.bat" -vpython-manifest "%manifest%" %*

rem Sets `ready`, `id` and `place` where the pin in the directory %1 still holds.
:find
set "ready="
if not exist "%~1\pin-windows" exit /b 0
set "id="
set "versions="
set "was="
for /f "usebackq delims=" %%L in ("%~1\pin-windows") do call :pin_line "%%L"
if not defined was exit /b 0
call :date_versions
if not "%was%"=="%dated% %versions_dated%" exit /b 0
if not exist "%~1\%id%\%name%.bat" exit /b 0
set "place=%~1"
set "ready=1"
exit /b 0

rem One line of a pin: the instance, the name of the versions file, what both files were.
:pin_line
if not defined id (
    set "id=%~1"
    exit /b 0
)
if not defined versions (
    set "versions=%~1"
    exit /b 0
)
if not defined was set "was=%~1"
exit /b 0

:date_versions
set "versions_dated="
for %%F in ("%directory%%versions%") do set "versions_dated=%%~zF %%~tF"
exit /b 0

:install
set "arch=%PROCESSOR_ARCHITEW6432%"
if not defined arch set "arch=%PROCESSOR_ARCHITECTURE%"
set "platform="
if /i "%arch%"=="AMD64" set "platform=windows-amd64"
if /i "%arch%"=="ARM64" set "platform=windows-arm64"
if /i "%arch%"=="x86" set "platform=windows-386"
if not defined platform (
    echo vpython: no vpython is pinned for this machine: "%arch%" 1>&2
    exit /b 1
)
set "service=https://chrome-infra-packages.appspot.com"
set "versions="
set "package="
set "version="
for /f "usebackq eol=# tokens=1,2" %%A in ("%manifest%") do call :manifest_line "%%A" "%%B"
if not defined package (
    echo vpython: "%manifest%" pins no vpython for %platform% 1>&2
    exit /b 1
)
if not defined versions (
    echo vpython: "%manifest%" has no $ResolvedVersions, which would pin %package% 1>&2
    exit /b 1
)
set "id="
set "first="
set "second="
if exist "%directory%%versions%" for /f "usebackq eol=# tokens=1" %%A in ("%directory%%versions%") do call :versions_line "%%A"
if not defined id (
    echo vpython: "%directory%%versions%" does not pin %package% at %version% 1>&2
    exit /b 1
)
if not "%id:~43,1%"=="C" goto :not_an_id
if not "%id:~44%"=="" goto :not_an_id
call :date_versions
mkdir "%place%" 2>nul
set "aside=%place%\.new-%RANDOM%%RANDOM%"
mkdir "%aside%" 2>nul
if exist "%aside%\" goto :have_place
set "place=%other%"
mkdir "%place%" 2>nul
set "aside=%place%\.new-%RANDOM%%RANDOM%"
mkdir "%aside%" 2>nul
if not exist "%aside%\" (
    echo vpython: cannot write to "%directory%", nor to "%place%": no place for the pinned vpython 1>&2
    exit /b 1
)
echo vpython: "%directory%" cannot be written: the pinned vpython is kept in "%place%" 1>&2

:have_place
if not exist "%place%\%id%\%name%.bat" call :bring
if errorlevel 1 (
    rmdir /s /q "%aside%" 2>nul
    exit /b 1
)
>"%aside%\pin" echo %id%
>>"%aside%\pin" echo %versions%
>>"%aside%\pin" echo %dated% %versions_dated%
move /y "%aside%\pin" "%place%\pin-windows" >nul
rmdir /s /q "%aside%" 2>nul
forfiles /p "%place%" /m ".new-*" /d -1 /c "cmd /c rmdir /s /q @path" >nul 2>nul
exit /b 0

:not_an_id
echo vpython: not an instance id with a SHA-256 hash: "%id%" for %package% 1>&2
exit /b 1

rem One line of the manifest: its first two words.
:manifest_line
if /i "%~1"=="$ServiceURL" set "service=%~2"
if /i "%~1"=="$ResolvedVersions" set "versions=%~2"
if defined package exit /b 0
set "word=/%~1/"
if "%word:/vpython/=%%word:/vpython3/=%"=="%word%%word%" exit /b 0
set "word=%~1"
call set "word=%%word:${platform}=%platform%%%"
call set "word=%%word:${os}=windows%%"
call set "word=%%word:${arch}=%platform:windows-=%%%"
rem What needs more of CIPD's templates is for another manifest line, or another platform.
if not "%word:$=%"=="%word%" exit /b 0
set "package=%word%"
set "version=%~2"
exit /b 0

rem One line of the versions: of three lines in turn a package, its version, the instance.
:versions_line
if not defined first (
    set "first=%~1"
    exit /b 0
)
if not defined second (
    set "second=%~1"
    exit /b 0
)
if "%first%"=="%package%" if "%second%"=="%version%" set "id=%~1"
set "first="
set "second="
exit /b 0

:bring
if defined VPYTHON_OFFLINE goto :offline
setlocal EnableDelayedExpansion
if "!first_word!"=="-vpython-offline" (
    endlocal
    goto :offline
)
endlocal
if defined CIPD_SERVICE_URL set "service=%CIPD_SERVICE_URL%"
set "url=%service%/dl/%package%/+/%id%"
if "%url:~0,8%"=="https://" goto :fetch
if "%url:~0,17%"=="http://127.0.0.1:" goto :fetch
if "%url:~0,17%"=="http://localhost:" goto :fetch
echo vpython: refused to fetch what is not https: "%url%" 1>&2
exit /b 1

:offline
echo vpython: not downloaded yet, and network access is disabled: %package% at %version% 1>&2
exit /b 1

rem What Windows has does it; where that is missing, the Python that runs vpython.
:fetch
set "file=%aside%\package"
call :find_python python.exe python3.exe
curl.exe -fsSL --max-redirs 5 --retry 3 --connect-timeout 30 -o "%file%" "%url%" >nul 2>nul
if not errorlevel 1 if exist "%file%" goto :check
del /q "%file%" 2>nul
powershell.exe -NoProfile -NonInteractive -Command "$ProgressPreference='SilentlyContinue'; [Net.ServicePointManager]::SecurityProtocol='Tls12'; Invoke-WebRequest -UseBasicParsing -Uri $env:url -OutFile $env:file" >nul 2>nul
if not errorlevel 1 if exist "%file%" goto :check
del /q "%file%" 2>nul
certutil.exe -urlcache -split -f "%url%" "%file%" >nul 2>nul
if not errorlevel 1 if exist "%file%" goto :check
del /q "%file%" 2>nul
if defined python "%python%" -I -S -c "import os, shutil, urllib.request as web; e = os.environ; part = e['file'] + '.part'; come = web.urlopen(e['url'], timeout=60); f = open(part, 'wb'); shutil.copyfileobj(come, f); f.close(); os.rename(part, e['file'])" >nul 2>nul
if exist "%file%" goto :check
echo vpython: cannot fetch "%url%" by curl, PowerShell, certutil or Python 1>&2
exit /b 1

rem The digest is what the instance id is made of: base64url of it, and of a byte for its kind.
:check
set "base64=%id:-=+%"
set "base64=%base64:_=/%"
>"%aside%\base64" echo %base64%
certutil.exe -f -decode "%aside%\base64" "%aside%\digest" >nul 2>nul
certutil.exe -f -encodehex "%aside%\digest" "%aside%\hex" 12 >nul 2>nul
set "pinned="
set "found="
if exist "%aside%\hex" set /p "pinned=" <"%aside%\hex"
for /f "skip=1 delims=" %%H in ('certutil.exe -hashfile "%file%" SHA256 2^>nul') do if not defined found set "found=%%H"
if defined found set "found=%found: =%"
if not defined pinned goto :check_by_python
if not defined found goto :check_by_python
if /i "%found%02"=="%pinned%" goto :take_out
echo vpython: refused the download from "%url%": its sha256 is %found%, pinned is %pinned:~0,64% 1>&2
exit /b 1

:check_by_python
if not defined python goto :no_hash
"%python%" -I -S -c "import base64, hashlib, os; e = os.environ; d = hashlib.sha256(open(e['file'], 'rb').read()).digest(); f = open(e['aside'] + '/id', 'wb'); f.write(base64.urlsafe_b64encode(d + bytes([2])).rstrip(b'=') + b'\r\n'); f.close()" >nul 2>nul
set "found="
if exist "%aside%\id" set /p "found=" <"%aside%\id"
if not defined found goto :no_hash
if "%found%"=="%id%" goto :take_out
echo vpython: refused the download from "%url%": it is the instance %found%, pinned is %id% 1>&2
exit /b 1

:no_hash
echo vpython: no program here computes SHA-256: neither certutil nor Python does 1>&2
exit /b 1

:take_out
mkdir "%aside%\out"
tar.exe -xf "%file%" -C "%aside%\out" >nul 2>nul
if not exist "%aside%\out\%name%.bat" powershell.exe -NoProfile -NonInteractive -Command "Add-Type -AssemblyName System.IO.Compression.FileSystem; [IO.Compression.ZipFile]::ExtractToDirectory($env:file, $env:aside + '\out')" >nul 2>nul
if not exist "%aside%\out\%name%.bat" if defined python "%python%" -I -S -c "import os, zipfile; e = os.environ; zipfile.ZipFile(e['file']).extractall(e['aside'] + '/out')" >nul 2>nul
if not exist "%aside%\out\%name%.bat" (
    echo vpython: cannot unpack %package%: neither tar, PowerShell nor Python could 1>&2
    exit /b 1
)
if exist "%place%\%id%" rmdir /s /q "%place%\%id%" 2>nul
move "%aside%\out" "%place%\%id%" >nul 2>nul
if exist "%place%\%id%\%name%.bat" exit /b 0
echo vpython: cannot write to "%place%" 1>&2
exit /b 1

rem Sets `python` to the first of the programs %* on PATH that is no alias of the store.
:find_python
set "python="
for %%N in (%*) do for %%D in ("%PATH:;=" "%") do if not "%%~D"=="" if exist "%%~D\%%N" call :take_python "%%~D\%%N"
exit /b 0

:take_python
if defined python exit /b 0
set "path_of=%~1"
if "%path_of:\WindowsApps\=%"=="%path_of%" set "python=%~1"
exit /b 0

rem depot_tools' own rule: words of vpython's go, wherever they stand before `--`; a tool has nothing to do.
:bypass
call :find_python python3.exe python3.bat python.exe
if not defined python set "python=python3"
set "words="
set "ours="

rem What a word begins with is asked with delayed expansion: a quote in it would break the line.
:word
set "word=%~1"
if defined word goto :look
if [%1]==[] goto :plain
:look
set "head=%word:~0,8%"
set "longer=%word:~0,13%"
setlocal EnableDelayedExpansion
if "!longer!"=="-vpython-tool" exit /b 0
if "!head!"=="-vpython" (
    endlocal
    goto :drop
)
if "!word!"=="--" (
    endlocal
    goto :rest
)
endlocal
set words=%words% %1
shift
goto :word

rem cmd itself parts `-vpython-x=v` at the `=`, so that both spellings are two words here.
:drop
set "ours=1"
shift
shift
goto :word

:rest
set words=%words% %1
shift
set "word=%~1"
if defined word goto :rest
if not [%1]==[] goto :rest

rem Only a line that had words of ours is put together anew: cmd parts words at `=`, `,` and `;`.
:plain
if not defined ours goto :untouched
endlocal & "%python%" %words%
exit /b %errorlevel%

:untouched
endlocal & "%python%" %*
exit /b %errorlevel%
