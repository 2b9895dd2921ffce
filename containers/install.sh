#!/bin/sh
# Installs one layer of an image, from the folder that this script's folder lies in:
#   install.sh torch INDEX   torch, of the version in constraints.txt, from a package index
#   install.sh needs EXTRAS  what aam needs besides, with the extras named (tensorboard,mlflow)
#   install.sh aam           aam itself
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
target=${AAM_PREFIX:-/opt/aam}
pip="$target/bin/python -m pip --disable-pip-version-check --no-cache-dir install"

case "$1" in
torch)
    python3 -m venv "$target"
    $pip --constraint "$source/constraints.txt" --index-url "$2" torch
    ;;
needs)
    needs=$(mktemp)
    "$target/bin/python" - "$source/pyproject.toml" "${2:-}" > "$needs" <<'EOF'
import sys
import tomllib

with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)["project"]
extras = [name for name in sys.argv[2].split(",") if name]
print(*project["dependencies"], *(need for name in extras for need in project["optional-dependencies"][name]), sep="\n")
EOF
    $pip --constraint "$source/constraints.txt" --requirement "$needs"
    rm "$needs"
    ;;
aam)
    # A copy, for the sources may be mounted read-only.
    copy=$(mktemp -d)
    cp -R "$source/aam" "$source/pyproject.toml" "$source/README.md" "$source/LICENSE" "$copy"
    $pip --no-deps "$copy"
    rm -rf "$copy"
    "$target/bin/python" -m pip --disable-pip-version-check check
    ;;
*)
    echo "install.sh: unknown layer '$1'; one of torch, needs, aam" >&2
    exit 2
    ;;
esac
