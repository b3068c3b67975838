#!/bin/sh
# Takes out of the Python image what nothing here runs: package installers, Perl, documentation, translations.
set -eu
lib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -rf "$lib"/ensurepip "$lib"/idlelib "$lib"/lib2to3 "$lib"/turtledemo "$lib"/test "$lib"/pydoc_data "$lib"/tkinter
rm -rf "$lib"/site-packages/* "$lib"/dist-packages/* /usr/lib/python3/dist-packages/* /usr/local/bin/pip* /usr/bin/pip*
find /usr/share/doc -type f ! -name copyright -delete
rm -rf /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/python-wheels
rm -rf /usr/bin/perl* /usr/share/perl* /usr/lib/*/perl* /usr/lib/*/libperl* /usr/lib/*/gconv
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/*
# the official image ships Python's modules uncompiled, and nobody may write beside them later: each start and each
# health check would compile them anew
python3 -m compileall -q "$lib"
