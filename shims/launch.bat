@echo off
rem The package's vpython.bat and vpython3.bat: runs the file of the same name beside it, with the
rem first Python of PATH, else the newest one that the launcher knows.
setlocal EnableExtensions DisableDelayedExpansion
set "found="
set "option="
for %%N in (python.exe python3.exe py.exe) do for %%D in ("%PATH:;=" "%") do if not "%%~D"=="" if exist "%%~D\%%N" call :take "%%~D\%%N"
if not defined found goto :none
endlocal & "%found%" %option% "%~dp0%~n0" %*
exit /b %errorlevel%

:take
rem The store's alias is no Python: it opens a window.
if defined found exit /b 0
set "path_of=%~1"
if not "%path_of:\WindowsApps\=%"=="%path_of%" exit /b 0
set "found=%~1"
set "option="
if /i "%~nx1"=="py.exe" set "option=-3"
exit /b 0

:none
echo vpython: no Python 3.11 or newer on PATH: vpython itself needs one to make an environment 1>&2
exit /b 1
