#!/bin/sh
# Takes out of an environment what no process of ours reads. docs/containers.md says what each line saves.
#   prune-packages.sh ENVIRONMENT
set -eu
cd "$1"/lib/python3*/site-packages
# tests of libraries
find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
# what compiled modules were made from, and what others would be compiled against
find . -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' -o -name '*.cc' -o -name '*.cpp' \
  -o -name '*.h' -o -name '*.hpp' -o -name '*.a' -o -name '*.lib' -o -name '*.f90' \) -delete
# Arrow's server, which nothing links to
rm -f pyarrow/libarrow_flight* pyarrow/libarrow_python_flight* pyarrow/_flight*
# the other of two backends: the C one is what CPython takes
rm -f zstandard/_cffi*
# symbols for debuggers; only of libraries that no tool has rewritten since they were linked
for library in llvmlite/binding/libllvmlite.so pyarrow/lib*.so.* uvloop/*.so zstandard/*.so; do
  strip --strip-unneeded "$library"
done
# what is left can still be loaded
../../../bin/python -c 'import numba, pyarrow.csv, pyarrow.parquet, uvloop, zstandard.backend_c'
